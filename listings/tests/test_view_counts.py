"""View counts: buffered in Redis, added to products once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller, make_user
from listings import keys
from listings.models import Product, ViewBatch
from listings.services import favorites, view_counts
from listings.tests.factories import make_product
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


def record_new_view(product_id: UUID) -> None:
    """Count a view of somebody who has not seen the product."""
    view_counts.record_view(product_id, viewer_id=uuid4(), ip="", user_agent="")


def test_views_are_counted_except_the_sellers_own() -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    url = f"/api/v1/products/{product.pk}"
    for client in (APIClient(), client_for(make_user()), client_for(seller)):
        assert client.get(url).status_code == 200
    assert view_counts.flush_views() == 2
    product.refresh_from_db()
    assert product.view_count == 2
    assert view_counts.flush_views() == 0


def test_head_request_is_not_counted_as_a_view() -> None:
    product = make_product()
    assert APIClient().head(f"/api/v1/products/{product.pk}").status_code == 200
    assert view_counts.flush_views() == 0


def test_views_during_a_flush_go_to_the_next_batch() -> None:
    product = make_product()
    record_new_view(product.pk)
    redis_client().rename(keys.PRODUCT_VIEWS, keys.PRODUCT_VIEWS_BATCH)
    record_new_view(product.pk)
    record_new_view(product.pk)
    assert view_counts.flush_views() == 1
    assert view_counts.flush_views() == 2
    assert Product.objects.get().view_count == 3


def test_batch_is_not_added_again_after_a_crash_after_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product()
    record_new_view(product.pk)
    client = redis_client()

    class CrashingClient:
        def __getattr__(self, name: Any) -> Any:
            return getattr(client, name)

        def eval(self, *arguments: Any) -> None:
            raise SystemExit("killed")

    monkeypatch.setattr(view_counts, "redis_client", CrashingClient)
    with pytest.raises(SystemExit):
        view_counts.flush_views()
    monkeypatch.undo()
    assert Product.objects.get().view_count == 1
    record_new_view(product.pk)
    assert view_counts.flush_views() == 0
    assert view_counts.flush_views() == 1
    assert Product.objects.get().view_count == 2
    assert ViewBatch.objects.count() == 2


def test_a_batch_that_another_worker_finished_meanwhile_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product, client = make_product(), redis_client()
    record_new_view(product.pk)

    class OvertakenClient:
        def __getattr__(self, name: Any) -> Any:
            return getattr(client, name)

        def hgetall(self, name: Any) -> Any:
            monkeypatch.undo()
            assert view_counts.flush_views() == 1  # the other worker
            return client.hgetall(name)

    monkeypatch.setattr(view_counts, "redis_client", OvertakenClient)
    assert view_counts.flush_views() == 0
    assert Product.objects.get().view_count == 1


def test_views_of_an_unknown_product_are_ignored() -> None:
    product = make_product()
    record_new_view(uuid4())
    record_new_view(product.pk)
    view_counts.flush_views()
    assert Product.objects.get().view_count == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_favourites_and_flushes_are_all_counted() -> None:
    product = make_product()
    people = [make_user() for _ in range(12)]
    for _ in range(30):
        record_new_view(product.pk)

    def like(person: Any) -> None:
        try:
            favorites.add_favorite(actor=person, product_id=product.pk)
            favorites.add_favorite(actor=person, product_id=product.pk)
            if person in people[:6]:
                favorites.remove_favorite(actor=person, product_id=product.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        written = pool.submit(view_counts.flush_views)
        list(pool.map(like, people))
        assert written.result() == 30
    product.refresh_from_db()
    assert (product.favorite_count, product.view_count) == (6, 30)


def views_of(product: Product) -> int:
    view_counts.flush_views()
    product.refresh_from_db()
    return product.view_count


def test_three_hundred_anonymous_requests_of_one_browser_are_one_view_a_day() -> None:
    product, other = make_product(), make_product()
    browser = APIClient(HTTP_USER_AGENT="Firefox")
    for _ in range(300):
        assert browser.get(f"/api/v1/products/{product.pk}").status_code == 200
    assert views_of(product) == 1
    browser.get(f"/api/v1/products/{other.pk}")
    assert views_of(other) == 1, "each product has its own views"
    APIClient(HTTP_USER_AGENT="Chrome").get(f"/api/v1/products/{product.pk}")
    APIClient(HTTP_USER_AGENT="Firefox", REMOTE_ADDR="198.51.100.7").get(f"/api/v1/products/{product.pk}")
    assert views_of(product) == 3
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        browser.get(f"/api/v1/products/{product.pk}")
    assert views_of(product) == 4


def test_a_person_who_is_logged_in_is_one_view_a_day_from_every_device() -> None:
    product, person = make_product(), make_user()
    for agent, address in (("Firefox", "198.51.100.7"), ("Chrome", "198.51.100.8"), ("App", "198.51.100.9")):
        client = client_for(person)
        client.get(f"/api/v1/products/{product.pk}", HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    assert views_of(product) == 1


def test_one_address_that_changes_its_user_agent_is_at_most_fifty_views_a_day() -> None:
    product = make_product()
    for number in range(60):
        view_counts.record_view(
            product.pk, viewer_id=None, ip=f"2001:db8::{number:x}", user_agent=f"{number}"
        )
    assert views_of(product) == 50
    view_counts.record_view(product.pk, viewer_id=None, ip="2001:db8:0:1::1", user_agent="1")
    record_new_view(product.pk)
    assert views_of(product) == 52


def test_addresses_and_user_agents_of_viewers_are_stored_as_digests_that_expire() -> None:
    product = make_product()
    view_counts.record_view(product.pk, viewer_id=None, ip="198.51.100.7", user_agent="Firefox")
    [key] = redis_client().keys("product_viewers:*")
    stored = key + b"".join(redis_client().smembers(key))
    assert b"198.51" not in stored
    assert b"Firefox" not in stored
    assert 86_000 < redis_client().ttl(key) <= 86_400
