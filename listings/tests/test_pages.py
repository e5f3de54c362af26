"""Pages of lists: parameters, cursors, totals, query counts."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller, make_user
from listings.models import Product
from listings.tests.factories import make_product
from listings.tests.requests import COMMUNITY_FEED, get_data, ids_by_cursor, make_scattered
from soukloop.core.http.pagination import encode_cursor
from soukloop.tests.examples import examples

pytestmark = pytest.mark.django_db


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
def test_invalid_parameter_is_named(query: Any, field: Any) -> None:
    assert list(get_data(f"/api/v1/feeds/community?{query}", status=400)["details"]) == [field]


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
def test_forged_cursors_are_refused(url: Any, position: Any) -> None:
    cursor = encode_cursor(*position)
    for sort in ("recent", "relevance", "price_low"):
        answer = APIClient().get(f"{url}sort={sort}&cursor={cursor}")
        assert answer.status_code == 400, answer.content


def test_cursor_of_another_sort_is_refused() -> None:
    for price in range(1, 4):
        make_product(feed_type="discover", price=price)
    cursor = get_data("/api/v1/feeds/discover?per_page=1&sort=recent")["next_cursor"]
    assert "cursor" in get_data(f"/api/v1/feeds/discover?sort=popular&cursor={cursor}", status=400)["details"]


@pytest.mark.parametrize("counted_max", [1000, 7])
def test_pages_and_cursors_return_the_same_items_in_the_same_order(settings: Any, counted_max: Any) -> None:
    settings.TOTAL_COUNTED_MAX = counted_max  # pages beyond it take another statement
    seller = make_seller()
    for number in range(23):
        make_product(seller=seller, price=100 + number % 3)  # one location, three prices: mostly ties
    for sort in ("nearest", "recent", "price_low", "price_high"):
        whole = [item["id"] for item in get_data(f"{COMMUNITY_FEED}&sort={sort}&per_page=100")["items"]]
        assert len(whole) == 23
        paged = [
            item["id"]
            for page in range(1, 6)
            for item in get_data(f"{COMMUNITY_FEED}&sort={sort}&per_page=5&page={page}")["items"]
        ]
        assert paged == whole
        assert ids_by_cursor(f"{COMMUNITY_FEED}&sort={sort}&per_page=5") == whole


@given(data=st.data())
@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cursor_misses_and_repeats_nothing_while_products_are_added(data: Any) -> None:
    Product.objects.all().delete()
    sort = data.draw(st.sampled_from(["recent", "price_low", "price_high", "popular"]))
    prices = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    seller = make_seller()

    def add(price: Any, live: Any) -> Any:
        return make_product(
            seller=seller, feed_type="discover", price=price, live_stream_id=uuid4() if live else None
        )

    existing = {str(add(price, price == 4).pk) for price in prices}
    url = f"/api/v1/feeds/discover?sort={sort}&per_page={data.draw(st.integers(1, 4))}"
    more = iter(data.draw(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4)))

    def add_next() -> None:
        for price, live in more:
            add(price, live)
            return

    seen = ids_by_cursor(url, add_next)
    assert len(seen) == len(set(seen))
    assert existing <= set(seen)


def test_total_is_counted_up_to_the_setting(settings: Any) -> None:
    settings.TOTAL_COUNTED_MAX = 3
    seller = make_seller()
    for _ in range(4):
        make_product(seller=seller)
    data = get_data(f"{COMMUNITY_FEED}&per_page=2")
    assert (data["total"], data["total_is_exact"], data["has_more"]) == (3, False, True)
    assert get_data(f"{COMMUNITY_FEED}&per_page=2&page=2")["has_more"] is False


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/feeds/discover?",
        f"{COMMUNITY_FEED}&",
        f"{COMMUNITY_FEED}&sort=recent&",
        "/api/v1/search?q=nike&",
    ],
)
def test_query_count_of_a_list_does_not_depend_on_its_length(
    url: Any, django_assert_num_queries: Any
) -> None:
    feed_type = "discover" if "discover" in url else "community"
    make_product(feed_type=feed_type)
    search = 2 if "search" in url else 0  # the tsquery, the estimate
    with django_assert_num_queries(1 + search):
        get_data(f"{url}per_page=100")
    for product in make_scattered(49, feed_type=feed_type):
        assert product.created_at <= timezone.now()
    with django_assert_num_queries(1 + search):
        assert len(get_data(f"{url}per_page=100")["items"]) > 30
    client = client_for(make_user())
    with django_assert_num_queries(3 + search):  # the user, their blocks, the page
        get_data(f"{url}per_page=100", client)
