"""Categories (contract 2.6): 12 of them, with counts that Redis caches for 5 minutes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller, make_staff
from listings import category_counts, keys, services
from listings.services import mark_seller_closed, mark_seller_open
from listings.tests.bodies import COMMUNITY_BODY
from listings.tests.factories import make_product
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


def counts(slug: Any = "sneakers") -> Any:
    [shown] = [one for one in categories() if one["slug"] == slug]
    return shown["total_products"], shown["active_listings_count"]


def categories() -> Any:
    return APIClient().get("/api/v1/categories").json()["data"]


def test_contract_2_6_categories() -> None:
    make_product(category_id="trading_cards")
    make_product(category_id="trading_cards", status="sold")
    make_product(category_id="trading_cards", status="deleted")
    shown = categories()
    assert len(shown) == 12
    assert shown[0] == {
        "slug": "trading_cards",
        "name": "Trading Card Games",
        "name_ar": "بطاقات التداول",
        "icon": "🎴",
        "color": "#9333EA",
        "secondary_color": "#EC4899",
        "total_products": 2,
        "live_streams_count": 0,
        "active_listings_count": 1,
    }
    assert (shown[1]["slug"], shown[1]["name"]) == ("sneakers", "Sneakers & Streetwear")
    one = APIClient().get("/api/v1/categories/trading_cards").json()["data"]
    assert one == shown[0]
    assert APIClient().get("/api/v1/categories/no_such").status_code == 404


def test_counts_are_cached_for_five_minutes(django_assert_num_queries: Any) -> None:
    categories()
    assert 295 <= redis_client().ttl(keys.CATEGORY_COUNTS) <= 300
    make_product()  # doesn't call the service, so the cache isn't adjusted
    assert counts() == (0, 0)
    redis_client().delete(keys.CATEGORY_COUNTS)
    assert counts() == (1, 1)
    with django_assert_num_queries(2):  # the categories, the live streams
        categories()


def test_cached_counts_are_adjusted_on_each_change_of_a_product(
    django_capture_on_commit_callbacks: Any,
) -> None:
    seller, staff = make_seller(), make_staff()
    client = client_for(seller)
    counts()

    def after(action: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            result = action()
        cached = counts()
        redis_client().delete(keys.CATEGORY_COUNTS)
        assert counts() == cached
        return cached, result

    cached, answer = after(lambda: client.post("/api/v1/products", COMMUNITY_BODY))
    assert cached == (1, 1)
    pk = answer.json()["data"]["id"]
    url = f"/api/v1/products/{pk}"
    assert after(lambda: services.hide_product(actor=staff, product_id=pk, reason="x"))[0] == (1, 0)
    assert after(lambda: services.restore_product(actor=staff, product_id=pk, reason="x"))[0] == (1, 1)
    assert after(lambda: client.patch(url, {"category": "gaming"}))[0] == (0, 0)
    assert counts("gaming") == (1, 1)
    assert after(lambda: client.patch(url, {"category": "sneakers"}))[0] == (1, 1)
    assert after(lambda: mark_seller_closed(seller))[0] == (1, 0)
    assert after(lambda: mark_seller_open(seller))[0] == (1, 1)
    assert after(lambda: client.delete(url))[0] == (0, 0)


def test_changes_of_unlisted_products_do_not_change_the_listed_count(
    django_capture_on_commit_callbacks: Any,
) -> None:
    staff, seller = make_staff(), make_seller()
    sold, shown, other = (make_product(seller=seller) for _ in range(3))
    counts()

    def after(action: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            action()
        cached = counts()
        redis_client().delete(keys.CATEGORY_COUNTS)
        assert counts() == cached
        return cached

    def reloaded(product: Any) -> Any:
        product.refresh_from_db()
        return product

    def hide(product: Any) -> Any:
        return services.hide_product(actor=staff, product_id=product.pk, reason="x")

    def restore(product: Any) -> Any:
        return services.restore_product(actor=staff, product_id=product.pk, reason="x")

    assert after(lambda: services.mark_sold(product=reloaded(sold))) == (3, 2)
    assert after(lambda: hide(sold)) == (3, 2)
    assert after(lambda: services.put_back_on_sale(product=reloaded(sold))) == (3, 2)
    assert after(lambda: restore(sold)) == (3, 3)
    assert after(lambda: services.mark_sold(product=reloaded(sold))) == (3, 2)
    assert after(lambda: mark_seller_closed(seller)) == (3, 0)
    assert after(lambda: services.put_back_on_sale(product=reloaded(sold))) == (3, 0)
    assert after(lambda: hide(shown)) == (3, 0)
    assert after(lambda: restore(shown)) == (3, 0)
    assert after(lambda: services.mark_sold(product=reloaded(other))) == (3, 0)
    assert after(lambda: services.delete_product(actor=seller, product_id=shown.pk)) == (2, 0)
    change = {"category_id": "gaming"}
    assert after(lambda: services.update_product(actor=seller, product_id=sold.pk, changes=change)) == (1, 0)
    assert after(lambda: mark_seller_open(seller)) == (1, 0)
    assert counts("gaming") == (1, 1)


def test_products_are_counted_when_redis_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    make_product()

    def raise_connection_error() -> None:
        raise RedisConnectionError

    monkeypatch.setattr(category_counts, "redis_client", raise_connection_error)
    assert counts() == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_one_caller_counts_while_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    make_product()
    count, counted, lock = category_counts._count, [], threading.Lock()

    def slow_count() -> Any:
        with lock:
            counted.append(1)
        time.sleep(0.3)
        return count()

    monkeypatch.setattr(category_counts, "_count", slow_count)

    def ask(_: Any) -> Any:
        try:
            return category_counts.category_counts()
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))
    assert answers == [{"sneakers": (1, 1)}] * 12
    assert len(counted) == 1
