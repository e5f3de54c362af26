"""View counts: buffered in Redis, added to products once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller, make_user
from listings import keys
from listings.models import Product, ViewBatch
from listings.services import favorites, view_counts
from listings.tests.factories import make_product
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


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
    view_counts.record_view(product.pk)
    redis_client().rename(keys.PRODUCT_VIEWS, keys.PRODUCT_VIEWS_BATCH)
    view_counts.record_view(product.pk)
    view_counts.record_view(product.pk)
    assert view_counts.flush_views() == 1
    assert view_counts.flush_views() == 2
    assert Product.objects.get().view_count == 3


def test_batch_is_not_added_again_after_a_crash_after_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product()
    view_counts.record_view(product.pk)
    client = redis_client()

    class CrashingClient:
        def __getattr__(self, name: Any) -> Any:
            return getattr(client, name)

        def delete(self, *names: Any) -> None:
            raise SystemExit("killed")

    monkeypatch.setattr(view_counts, "redis_client", CrashingClient)
    with pytest.raises(SystemExit):
        view_counts.flush_views()
    monkeypatch.undo()
    assert Product.objects.get().view_count == 1
    view_counts.record_view(product.pk)
    assert view_counts.flush_views() == 0
    assert view_counts.flush_views() == 1
    assert Product.objects.get().view_count == 2
    assert ViewBatch.objects.count() == 2


def test_views_of_an_unknown_product_are_ignored() -> None:
    product = make_product()
    view_counts.record_view(uuid4())
    view_counts.record_view(product.pk)
    view_counts.flush_views()
    assert Product.objects.get().view_count == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_favourites_and_flushes_are_all_counted() -> None:
    product = make_product()
    people = [make_user() for _ in range(12)]
    for _ in range(30):
        view_counts.record_view(product.pk)

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
