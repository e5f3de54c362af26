"""The feeds: contract 2.3 and 2.4, order, pages and cursors, distances, and what they may not give away."""

import math
import random
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller, make_user
from listings.locations import distance_label, ecef_coordinates, public_point
from listings.models import Product
from listings.tests.factories import DUBAI_MARINA, make_product
from soukloop.core.http.pagination import encode_cursor

pytestmark = pytest.mark.django_db
MARINA = "/api/v1/feeds/community?latitude=25.0772&longitude=55.1369"


def get(url, client=None, status=200):
    answer = (client or APIClient()).get(url)
    assert answer.status_code == status, answer.content
    return answer.json()["data"] if status == 200 else answer.json()["error"]


def metres(one, other):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_Distance(ST_GeogFromText(%s), ST_GeogFromText(%s), true)", [one.ewkt, other.ewkt]
        )
        return cursor.fetchone()[0]


def degrees(most):
    return st.floats(-most, most).map(lambda value: round(value, 9))


def scatter(count, spread=0.03, **fields):
    chance = random.Random(5)
    return [
        make_product(
            location=Point(
                round(55.1369 + chance.uniform(-spread, spread), 6),
                round(25.0772 + chance.uniform(-spread, spread), 6),
                srid=4326,
            ),
            **fields,
        )
        for _ in range(count)
    ]


def test_contract_2_3_discover_feed():
    seller = make_seller(username="testseller")
    product = make_product(seller=seller, feed_type="discover", thumbnail_url="https://example.com/t.jpg")
    make_product()
    data = get("/api/v1/feeds/discover?page=1&per_page=20&category=sneakers&sort=recent")
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


def test_contract_2_4_community_feed():
    product = make_product(title="Nike Air Jordan 1 Retro High")
    make_product(feed_type="discover")
    make_product(location=Point(55.2708, 25.2048, srid=4326))
    data = get(f"{MARINA}&radius_km=5&sort=nearest")
    assert (data["page"], data["total"]) == (1, 1)
    [item] = data["items"]
    assert item["id"] == str(product.pk)
    assert 0 < item["distance_km"] <= 0.25
    assert item["distance_label"] == "Walking distance"
    assert item["neighborhood"] == "Dubai Marina"


def test_live_products_come_first_in_every_sort():
    plain = [make_product(feed_type="discover", price=price) for price in (100, 300)]
    live = make_product(feed_type="discover", price=200, live_stream_id=uuid4())
    orders = {
        "recent": [live, plain[1], plain[0]],
        "price_low": [live, plain[0], plain[1]],
        "price_high": [live, plain[1], plain[0]],
        "popular": None,
    }
    for sort, expected in orders.items():
        items = get(f"/api/v1/feeds/discover?sort={sort}")["items"]
        assert items[0]["id"] == str(live.pk)
        assert [item["is_live"] for item in items] == [True, False, False]
        if expected:
            assert [item["id"] for item in items] == [str(product.pk) for product in expected]


def test_popular_is_likes_before_looks():
    looked = make_product(feed_type="discover", view_count=9)
    liked = make_product(feed_type="discover", favorite_count=1)
    items = get("/api/v1/feeds/discover?sort=popular")["items"]
    assert [item["id"] for item in items] == [str(liked.pk), str(looked.pk)]


def test_nearest_is_the_spheroids_order_and_distance():
    products = scatter(60)
    here = DUBAI_MARINA
    expected = sorted(
        (metres(product.public_location, here), product)
        for product in products
        if metres(product.public_location, here) <= 3000
    )
    data = get(f"{MARINA}&radius_km=3&per_page=100")
    assert [item["id"] for item in data["items"]] == [str(product.pk) for _, product in expected]
    assert [item["distance_km"] for item in data["items"]] == [
        round(distance / 1000, 3) for distance, _ in expected
    ]
    assert data["total"] == len(expected) > 5


@pytest.mark.parametrize("sort", ["recent", "price_low", "price_high"])
def test_other_sorts_keep_to_the_radius(sort):
    near = [make_product(price=price) for price in (300, 100, 200)]
    make_product(location=Point(55.2708, 25.2048, srid=4326))
    items = get(f"{MARINA}&sort={sort}")["items"]
    keys = {
        "recent": lambda product: -product.created_at.timestamp(),
        "price_low": lambda product: product.price,
        "price_high": lambda product: -product.price,
    }
    assert [item["id"] for item in items] == [str(product.pk) for product in sorted(near, key=keys[sort])]


@given(longitude=degrees(180), latitude=degrees(90))
@settings(max_examples=50, deadline=None)
def test_places_are_where_the_database_has_them(longitude, latitude):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_3DDistance(listings_xyz(ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography),"
            " ST_MakePoint(%s, %s, %s))",
            [longitude, latitude, *ecef_coordinates(longitude, latitude)],
        )
        [[off]] = cursor.fetchall()
    assert off < 1e-6


def test_trilateration_finds_the_offset_point_not_the_home():
    home = Point(55.1402, 25.0805, srid=4326)
    product = make_product(location=home)
    # Ask from many places around and solve for the point that fits all the answers best.
    asked = []
    for step in range(24):
        angle, reach = step / 24 * math.tau, 0.01 + 0.0007 * step
        latitude, longitude = 25.0805 + reach * math.sin(angle), 55.1402 + reach * math.cos(angle)
        [item] = get(f"/api/v1/feeds/community?latitude={latitude}&longitude={longitude}&radius_km=10")[
            "items"
        ]
        asked.append((Point(longitude, latitude, srid=4326), item["distance_km"] * 1000))
    guess = [55.1402, 25.0805]
    for scale in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6):
        for _ in range(60):
            around = [
                (guess[0] + dx * scale, guess[1] + dy * scale) for dx in (-1, 0, 1) for dy in (-1, 0, 1)
            ]
            best = min(around, key=lambda at: _misfit(at, asked))
            if list(best) == guess:
                break
            guess = list(best)
    found = Point(guess[0], guess[1], srid=4326)
    assert metres(found, product.public_location) < 5
    assert 100 < metres(found, home) <= 250


def _misfit(at, asked):
    return sum(
        (
            math.hypot(
                (at[0] - point.x) * 111_320 * math.cos(math.radians(25.08)) * 1.0009,
                (at[1] - point.y) * 110_800,
            )
            - distance
        )
        ** 2
        for point, distance in asked
    )


@given(
    latitude=st.floats(-89, 89).map(lambda value: round(value, 6)),
    longitude=st.floats(-180, 180).map(lambda value: round(value, 6)),
    seller=st.uuids(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_public_point_is_stable_and_at_most_250_metres_away(latitude, longitude, seller):
    home = Point(longitude, latitude, srid=4326)
    public = public_point(home, seller_id=seller)
    assert public == public_point(home, seller_id=seller)
    assert 100 < metres(home, public) <= 250


def test_many_listings_at_home_share_one_point_so_that_averaging_finds_nothing():
    seller = make_seller()
    products = [make_product(seller=seller) for _ in range(5)]
    assert len({str(product.public_location) for product in products}) == 1
    assert make_product().public_location != products[0].public_location


def test_labels_go_up_from_walking_distance():
    labels = [distance_label(km) for km in (0, 0.999, 1, 5, 20, 60, 100)]
    assert labels == [
        "Walking distance",
        "Walking distance",
        "Short drive",
        "Across town",
        "A drive away",
        "Far away",
        "Far away",
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("latitude=25", "longitude"),
        ("latitude=91&longitude=55", "latitude"),
        ("latitude=nan&longitude=55", "latitude"),
        ("latitude=25&longitude=inf", "longitude"),
        ("latitude=2_5&longitude=55", "latitude"),
        ("latitude=25&longitude=55&radius_km=101", "radius_km"),
        ("latitude=25&longitude=55&radius_km=-1", "radius_km"),
        ("latitude=25&longitude=55&sort=popular", "sort"),
        ("latitude=25&longitude=55&page=0", "page"),
        ("latitude=25&longitude=55&page=1e3", "page"),
        ("latitude=25&longitude=55&page=9999", "page"),
        ("latitude=25&longitude=55&per_page=101", "per_page"),
        ("latitude=25&longitude=55&cursor=nonsense", "cursor"),
        ("latitude=25&longitude=55&cursor=WzFd", "cursor"),
    ],
)
def test_odd_questions_are_refused_by_field(query, field):
    assert list(get(f"/api/v1/feeds/community?{query}", status=400)["details"]) == [field]


@pytest.mark.parametrize("url", ["/api/v1/feeds/discover?", "/api/v1/search?q=nike&"])
@pytest.mark.parametrize(
    "position",
    [
        ["recent", False, "2026-11-23T14:00:00+00:00", 5],
        ["recent", False, "0001-01-01T00:00:00+23:59", str(uuid4())],
        ["relevance", 0.5, "9999-12-31T23:59:59-23:59", str(uuid4())],
        ["relevance", 0.5, "2026-11-23T14:00:00+00:00", []],
        ["price_low", False, "1e-999999", str(uuid4())],
    ],
)
def test_forged_cursors_are_refused(url, position):
    cursor = encode_cursor(*position)
    for sort in ("recent", "relevance", "price_low"):
        answer = APIClient().get(f"{url}sort={sort}&cursor={cursor}")
        assert answer.status_code == 400, answer.content


def test_cursor_of_another_sort_is_refused():
    for price in range(1, 4):
        make_product(feed_type="discover", price=price)
    cursor = get("/api/v1/feeds/discover?per_page=1&sort=recent")["next_cursor"]
    assert "cursor" in get(f"/api/v1/feeds/discover?sort=popular&cursor={cursor}", status=400)["details"]


def test_unknown_category_is_an_empty_list():
    make_product(feed_type="discover")
    assert get("/api/v1/feeds/discover?category=no_such")["items"] == []


@pytest.mark.parametrize("counted_max", [1000, 7])
def test_pages_and_cursors_give_the_same_items_in_the_same_order(settings, counted_max):
    settings.TOTAL_COUNTED_MAX = counted_max  # what is counted is walked once for its pages too
    seller = make_seller()
    for number in range(23):
        make_product(seller=seller, price=100 + number % 3)  # one point, three prices: nothing but ties
    for sort in ("nearest", "recent", "price_low", "price_high"):
        whole = [item["id"] for item in get(f"{MARINA}&sort={sort}&per_page=100")["items"]]
        assert len(whole) == 23
        paged = [
            item["id"]
            for page in range(1, 6)
            for item in get(f"{MARINA}&sort={sort}&per_page=5&page={page}")["items"]
        ]
        assert paged == whole
        assert follow(f"{MARINA}&sort={sort}&per_page=5") == whole


def follow(url, between=lambda: None):
    """Go through a list by cursor and return the ids."""
    seen, cursor = [], ""
    while cursor is not None:
        data = get(f"{url}&cursor={cursor}")
        seen += [item["id"] for item in data["items"]]
        cursor = data["next_cursor"]
        assert data["has_more"] is (cursor is not None)
        between()
    return seen


@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cursor_misses_and_repeats_nothing_while_others_list(data):
    Product.objects.all().delete()
    sort = data.draw(st.sampled_from(["recent", "price_low", "price_high", "popular"]))
    prices = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    seller = make_seller()

    def add(price, live):
        return make_product(
            seller=seller, feed_type="discover", price=price, live_stream_id=uuid4() if live else None
        )

    there = {str(add(price, price == 4).pk) for price in prices}
    url = f"/api/v1/feeds/discover?sort={sort}&per_page={data.draw(st.integers(1, 4))}"
    more = iter(data.draw(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4)))

    def somebody_lists():
        for price, live in more:
            add(price, live)
            return

    seen = follow(url, somebody_lists)
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


def test_total_is_counted_as_far_as_the_setting(settings):
    settings.TOTAL_COUNTED_MAX = 3
    seller = make_seller()
    for _ in range(4):
        make_product(seller=seller)
    data = get(f"{MARINA}&per_page=2")
    assert (data["total"], data["total_is_exact"], data["has_more"]) == (3, False, True)
    assert get(f"{MARINA}&per_page=2&page=2")["has_more"] is False


@pytest.mark.parametrize(
    "url", ["/api/v1/feeds/discover?", f"{MARINA}&", f"{MARINA}&sort=recent&", "/api/v1/search?q=nike&"]
)
def test_lists_take_as_many_queries_for_fifty_as_for_one(url, django_assert_num_queries):
    feed_type = "discover" if "discover" in url else "community"
    make_product(feed_type=feed_type)
    search = 2 if "search" in url else 0  # what the words mean, how common they are
    with django_assert_num_queries(1 + search):
        get(f"{url}per_page=100")
    for product in scatter(49, feed_type=feed_type):
        assert product.created_at <= timezone.now()
    with django_assert_num_queries(1 + search):
        assert len(get(f"{url}per_page=100")["items"]) > 30
    client = client_for(make_user())
    with django_assert_num_queries(3 + search):  # who asks, who is blocked, the page
        get(f"{url}per_page=100", client)


def test_prices_in_lists_have_two_places():
    make_product(feed_type="discover", price=Decimal("850"))
    assert b'"price":850.00' in APIClient().get("/api/v1/feeds/discover").content
