"""Frequent requests use indexes: no sequential scan of products in a catalogue of 20,000."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict
from rest_framework.test import APIClient

from accounts.models import Block
from accounts.tests.factories import client_for, make_user
from listings.fast_reads import ROUTES
from listings.models import Product, SearchWord
from soukloop.core.db.reads import fetch
from soukloop.core.fast_reads.pool import numbered
from soukloop.core.http.pagination import encode_cursor
from soukloop.tests.database import writable_ledger

PLACE = "latitude=25.0772&longitude=55.1369"
SORTS = ("recent", "popular", "price_low", "price_high")
FREQUENT = [
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


def vacuum_until_visible() -> None:
    """Vacuum until most pages are marked all-visible, as autovacuum leaves them in a live database.

    VACUUM doesn't mark pages that an older snapshot might not see, such as that of an autovacuum which is
    analysing the copied rows. Without the marks an index-only count must visit the table, and a sequential
    scan is cheaper.
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
def catalogue(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Any]:
    with django_db_blocker.unblock():
        call_command("seed_catalogue", products=20_000, processes=1, verbosity=0)
        vacuum_until_visible()
        yield
        with writable_ledger(), connection.cursor() as cursor:  # CASCADE reaches it
            cursor.execute("TRUNCATE listings_product, accounts_user, listings_searchword CASCADE")


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def sequential_scans(explained: Any) -> Any:
    [(plan,)] = explained
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return [
        node
        for node in nodes(plan[0]["Plan"])
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "listings_product"
    ]


def scanning_statements(url: Any, client: Any = None) -> Any:
    """Send the request and return its statements that scan the whole table of products."""
    found: list[str] = []

    def explain(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        if sql.startswith(("SELECT", "WITH")) and "listings_product" in sql:
            with connection.cursor() as cursor:
                cursor.db.execute_wrappers, wrappers = [], cursor.db.execute_wrappers
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                found.extend(sql for _ in sequential_scans(cursor.fetchall()))
                cursor.db.execute_wrappers = wrappers
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        answer = (client or APIClient()).get(f"/api/v1{url}")
    assert answer.status_code == 200
    assert answer.json()["data"]["items"]
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("url", FREQUENT)
def test_frequent_request_scans_no_table(catalogue: Any, url: Any) -> None:
    assert scanning_statements(url) == []


FAST = [url for url in FREQUENT if f"/api/v1{url.partition('?')[0]}" in ROUTES]


@pytest.mark.django_db
def test_generic_plans_scan_no_table(catalogue: Any, settings: Any) -> None:
    settings.SEARCH_CONSIDERED_MAX = 100  # so that some words have more matches than are ranked
    with_one_plan = [each for url in FAST for each in statements_of(url) if each.has_one_plan]
    on_products = [each for each in with_one_plan if "listings_product" in each.sql]
    assert {("MATERIALIZED" in each.sql) for each in on_products} == {True, False}  # searches and feeds
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for statement in on_products:
            cursor.execute(f"PREPARE statement AS {numbered(statement.sql)}")
            values = f"({', '.join(['%s'] * len(statement.params))})" if statement.params else ""
            cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE statement{values}", statement.params)
            assert sequential_scans(cursor.fetchall()) == [], statement.sql
            cursor.execute("DEALLOCATE statement")


def statements_of(url: Any) -> Any:
    path, _, query = url.partition("?")
    route = ROUTES[f"/api/v1{path}"]
    sent = []

    def record(statement: Any) -> Any:
        sent.append(statement)
        return fetch(statement)

    reads = route.select(route.parse(QueryDict(query)), viewer=None)
    statement = next(reads)
    with suppress(StopIteration):
        while True:
            statement = reads.send(record(statement))
    return sent


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["jor", "nike jor", "jordn"])
def test_suggestions_for_a_user_with_many_blocks_scan_no_table(catalogue: Any, typed: Any) -> None:
    viewer = make_user()
    for seller_id in Product.objects.values_list("seller_id", flat=True).distinct()[:50]:
        Block.objects.create(blocker=viewer, blocked_id=seller_id)
    SearchWord.objects.update(uses=1)  # so that each word is checked
    assert scanning_statements(f"/search/suggest?q={typed}", client_for(viewer)) == []


@pytest.mark.django_db
def test_deep_cursors_and_seller_lists_scan_no_table(catalogue: Any) -> None:
    product = Product.objects.filter(status="active", feed_type="discover").order_by("created_at")[200]
    cursor = encode_cursor("recent", False, product.created_at.isoformat(), product.pk)
    assert scanning_statements(f"/feeds/discover?cursor={cursor}") == []
    assert scanning_statements(f"/users/{product.seller_id}/products") == []
