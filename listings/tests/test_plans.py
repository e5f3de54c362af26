"""The hot questions are answered from indexes: no sequential scan of products, in a catalogue of 20,000."""

import json
import time
from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict
from rest_framework.test import APIClient

from accounts.models import Block
from accounts.tests.factories import client_for, make_user
from listings.lean import ROUTES
from listings.models import Product, SearchWord
from soukloop.core.db.pool import numbered
from soukloop.core.db.reads import fetch
from soukloop.core.http.pagination import encode_cursor

PLACE = "latitude=25.0772&longitude=55.1369"
SORTS = ("recent", "popular", "price_low", "price_high")
HOT = [
    *(f"/feeds/discover?sort={sort}" for sort in SORTS),
    *(f"/feeds/discover?sort={sort}&category=sneakers" for sort in SORTS),
    *(f"/feeds/community?{PLACE}&sort={sort}" for sort in ("nearest", "recent", "price_low", "price_high")),
    f"/feeds/community?{PLACE}&category=sneakers",
    f"/feeds/community?{PLACE}&page=40",
    "/search?q=nike jordan",
    "/search?q=للبيع",
    "/search?q=nikee jordn",
    "/search?q=nike&category=sneakers&min_price=500&max_price=1000",
    "/search?q=nike&sort=recent",
    "/search?q=nike&sort=price_low",
    "/search?category=sneakers",
    f"/search?q=nike&{PLACE}&sort=nearest",
    "/search",
    "/search/suggest?q=nike jor",
]


def vacuum_until_visible():
    """Have PostgreSQL mark the table's pages as visible to all, as autovacuum does in a live database.

    VACUUM marks none that an older snapshot might not see, such as autovacuum's own while it analyses what
    was just copied in. Unmarked, an index-only count must visit the table, and a scan of it is cheaper.
    """
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while True:
            cursor.execute("VACUUM (ANALYZE) listings_product")
            cursor.execute("SELECT relallvisible, relpages FROM pg_class WHERE relname = 'listings_product'")
            visible, pages = cursor.fetchone()
            if visible > 0.9 * pages:
                return
            assert time.monotonic() < deadline, f"only {visible} of {pages} pages are visible to all"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def catalogue(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        call_command("seed_catalogue", products=20_000, processes=1, verbosity=0)
        vacuum_until_visible()
        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE listings_product, accounts_user, listings_searchword CASCADE")


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def whole_tables(explained):
    [(plan,)] = explained
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return [
        node
        for node in nodes(plan[0]["Plan"])
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "listings_product"
    ]


def scanned(url, client=None):
    """Ask, and return the statements that read all of the products."""
    found: list[str] = []

    def explain(execute, sql, params, many, context):
        if sql.startswith(("SELECT", "WITH")) and "listings_product" in sql:
            with connection.cursor() as cursor:
                cursor.db.execute_wrappers, wrappers = [], cursor.db.execute_wrappers
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                found.extend(sql for _ in whole_tables(cursor.fetchall()))
                cursor.db.execute_wrappers = wrappers
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        answer = (client or APIClient()).get(f"/api/v1{url}")
    assert answer.status_code == 200
    assert answer.json()["data"]["items"]
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("url", HOT)
def test_hot_question_reads_no_whole_table(catalogue, url):
    assert scanned(url) == []


LEAN = [url for url in HOT if f"/api/v1{url.partition('?')[0]}" in ROUTES]


@pytest.mark.django_db
def test_plans_that_are_kept_read_no_whole_table_whatever_the_values(catalogue, settings):
    settings.SEARCH_CONSIDERED_MAX = 100  # so that some words are too common for all to be ranked
    kept = [each for url in LEAN for each in statements_of(url) if each.has_one_plan]
    on_products = [each for each in kept if "listings_product" in each.sql]
    assert {("MATERIALIZED" in each.sql) for each in on_products} == {True, False}  # searches and feeds
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for statement in on_products:
            cursor.execute(f"PREPARE kept AS {numbered(statement.sql)}")
            values = f"({', '.join(['%s'] * len(statement.params))})" if statement.params else ""
            cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE kept{values}", statement.params)
            assert whole_tables(cursor.fetchall()) == [], statement.sql
            cursor.execute("DEALLOCATE kept")


def statements_of(url):
    path, _, query = url.partition("?")
    route = ROUTES[f"/api/v1{path}"]
    sent = []

    def noted(statement):
        sent.append(statement)
        return fetch(statement)

    reads = route.select(route.parse(QueryDict(query)), viewer=None)
    statement = next(reads)
    with suppress(StopIteration):
        while True:
            statement = reads.send(noted(statement))
    return sent


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["jor", "nike jor", "jordn"])
def test_suggestions_to_who_blocks_people_read_no_whole_table(catalogue, typed):
    viewer = make_user()
    for seller_id in Product.objects.values_list("seller_id", flat=True).distinct()[:50]:
        Block.objects.create(blocker=viewer, blocked_id=seller_id)
    SearchWord.objects.update(uses=1)  # so that each is looked up
    assert scanned(f"/search/suggest?q={typed}", client_for(viewer)) == []


@pytest.mark.django_db
def test_deep_cursors_sellers_lists_and_similar_ones_read_no_whole_table(catalogue):
    product = Product.objects.filter(status="active", feed_type="discover").order_by("created_at")[200]
    cursor = encode_cursor("recent", False, product.created_at.isoformat(), product.pk)
    assert scanned(f"/feeds/discover?cursor={cursor}") == []
    assert scanned(f"/users/{product.seller_id}/products") == []
