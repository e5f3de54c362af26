"""The Discover and the Community feed: contract 2.3 and 2.4, their order, live products first."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from rest_framework.test import APIClient

from accounts.tests.factories import make_seller
from listings.tests.factories import DUBAI_MARINA, make_product
from listings.tests.requests import COMMUNITY_FEED, get_data, make_scattered

pytestmark = pytest.mark.django_db


def metres_between(one: Any, other: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_Distance(ST_GeogFromText(%s), ST_GeogFromText(%s), true)", [one.ewkt, other.ewkt]
        )
        return cursor.fetchone()[0]


def test_contract_2_3_discover_feed() -> None:
    seller = make_seller(username="testseller")
    product = make_product(seller=seller, feed_type="discover", thumbnail_url="https://example.com/t.jpg")
    make_product()
    data = get_data("/api/v1/feeds/discover?page=1&per_page=20&category=sneakers&sort=recent")
    assert {name: data[name] for name in ("page", "per_page", "total", "has_more")} == {
        "page": 1,
        "per_page": 20,
        "total": 1,
        "has_more": False,
    }
    [item] = data["items"]
    assert item["id"] == str(product.pk)
    assert item["price"] == 850.00
    assert item["video_url"] == "https://example.com/video.m3u8"
    assert item["thumbnail_url"] == "https://example.com/t.jpg"
    assert item["is_live"] is False
    assert item["seller"]["username"] == "@testseller"
    assert item["seller"]["avatar_url"] is None
    assert item["seller"]["is_verified"] is True


def test_contract_2_4_community_feed() -> None:
    product = make_product(title="Nike Air Jordan 1 Retro High")
    make_product(feed_type="discover")
    make_product(location=Point(55.2708, 25.2048, srid=4326))
    data = get_data(f"{COMMUNITY_FEED}&radius_km=5&sort=nearest")
    assert (data["page"], data["total"]) == (1, 1)
    [item] = data["items"]
    assert item["id"] == str(product.pk)
    assert 0 < item["distance_km"] <= 0.25
    assert item["distance_label"] == "Walking distance"
    assert item["neighborhood"] == "Dubai Marina"


def test_live_products_come_first_in_every_sort() -> None:
    plain = [make_product(feed_type="discover", price=price) for price in (100, 300)]
    live = make_product(feed_type="discover", price=200, live_stream_id=uuid4())
    orders = {
        "recent": [live, plain[1], plain[0]],
        "price_low": [live, plain[0], plain[1]],
        "price_high": [live, plain[1], plain[0]],
        "popular": None,
    }
    for sort, expected in orders.items():
        items = get_data(f"/api/v1/feeds/discover?sort={sort}")["items"]
        assert items[0]["id"] == str(live.pk)
        assert [item["is_live"] for item in items] == [True, False, False]
        if expected:
            assert [item["id"] for item in items] == [str(product.pk) for product in expected]


def test_popular_counts_likes_more_than_views() -> None:
    looked = make_product(feed_type="discover", view_count=9)
    liked = make_product(feed_type="discover", favorite_count=1)
    items = get_data("/api/v1/feeds/discover?sort=popular")["items"]
    assert [item["id"] for item in items] == [str(liked.pk), str(looked.pk)]


def test_nearest_orders_by_geodesic_distance() -> None:
    products = make_scattered(60)
    here = DUBAI_MARINA
    expected = sorted(
        (metres_between(product.public_location, here), product)
        for product in products
        if metres_between(product.public_location, here) <= 3000
    )
    data = get_data(f"{COMMUNITY_FEED}&radius_km=3&per_page=100")
    assert [item["id"] for item in data["items"]] == [str(product.pk) for _, product in expected]
    assert [item["distance_km"] for item in data["items"]] == [
        round(distance / 1000, 3) for distance, _ in expected
    ]
    assert data["total"] == len(expected) > 5


@pytest.mark.parametrize("sort", ["recent", "price_low", "price_high"])
def test_other_sorts_respect_the_radius(sort: Any) -> None:
    near = [make_product(price=price) for price in (300, 100, 200)]
    make_product(location=Point(55.2708, 25.2048, srid=4326))
    items = get_data(f"{COMMUNITY_FEED}&sort={sort}")["items"]
    keys = {
        "recent": lambda product: -product.created_at.timestamp(),
        "price_low": lambda product: product.price,
        "price_high": lambda product: -product.price,
    }
    assert [item["id"] for item in items] == [str(product.pk) for product in sorted(near, key=keys[sort])]


def test_unknown_category_gives_an_empty_list() -> None:
    make_product(feed_type="discover")
    assert get_data("/api/v1/feeds/discover?category=no_such")["items"] == []


def test_prices_in_lists_have_two_decimals() -> None:
    make_product(feed_type="discover", price=Decimal("850"))
    assert b'"price":850.00' in APIClient().get("/api/v1/feeds/discover").content
