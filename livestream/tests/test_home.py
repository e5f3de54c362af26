"""What an app reads when it starts: the home screen in one call, and the server's settings."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import block, client_for, follow, make_seller, make_user
from chat.tests.factories import make_conversation, make_message
from listings.models import Category
from listings.tests.factories import DUBAI_MARINA, make_product
from livestream.models import Stream
from livestream.tests.factories import make_live_stream
from offers.tests.factories import make_offer
from soukloop import __version__

pytestmark = pytest.mark.django_db
HOME, CONFIG = "/api/v1/home", "/api/v1/config"
PLACE = {"latitude": str(DUBAI_MARINA.y), "longitude": str(DUBAI_MARINA.x)}


def home(client: APIClient, **params: str) -> dict[str, Any]:
    response = client.get(HOME, params)
    assert response.status_code == 200, response.json()
    body: dict[str, Any] = response.json()["data"]
    return body


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]


def test_the_home_screen_has_live_streams_both_feeds_and_badges() -> None:
    buyer, seller = make_user(), make_seller(has_verified_badge=True)
    near = make_product(seller=seller, image_urls=["https://example.com/near.jpg"])
    video = make_product(feed_type="discover", video_url="https://example.com/v.m3u8")
    stream = make_live_stream(seller=seller, products=[near])
    follow(buyer, seller)
    make_message(make_conversation(buyer=buyer), None, content="Hi")
    make_message(conversation := make_conversation(buyer=buyer), conversation.seller, content="Hello")
    body = home(client_for(buyer), **PLACE)
    assert set(body) == {"live_now", "near_you", "discover", "badges"}
    assert ids(body["near_you"]) == [str(near.pk)]
    assert body["near_you"]["items"][0]["distance_km"] < 5
    assert ids(body["discover"]) == [str(video.pk)]
    assert body["badges"] == {
        "unread_messages": 1,
        "unread_notifications": 1,
        "open_offers": 0,
        "open_orders": 0,
    }
    [card] = body["live_now"]
    assert card["streamId"] == str(stream.pk)
    assert (card["seller"]["isFollowing"], card["seller"]["hasVerifiedBadge"]) == (True, True)
    assert card["cover"]["url"] == "https://example.com/near.jpg"


def test_pages_of_the_feeds_go_on_where_the_home_screen_ends(settings: Any) -> None:
    settings.PAGE_SIZE = 2
    for _ in range(5):
        make_product()
    client = client_for(make_user())
    first = home(client, **PLACE)["near_you"]
    cursor = {"cursor": first["next_cursor"], "per_page": "3", **PLACE}
    second = client.get("/api/v1/feeds/community", cursor).json()["data"]
    assert len({*ids(first), *ids(second)}) == 5
    alone = client.get("/api/v1/feeds/community", PLACE | {"per_page": "2"}).json()["data"]
    assert alone == first


def test_guests_have_no_badges_and_see_streams_for_everyone_alone() -> None:
    make_product()
    shown = make_live_stream()
    make_live_stream(audience=Stream.Audience.FOLLOWERS)
    body = home(APIClient())
    assert [card["streamId"] for card in body["live_now"]] == [str(shown.pk)]
    assert body["live_now"][0]["seller"]["isFollowing"] is False
    assert body["badges"] is None
    assert (body["near_you"]["items"], body["near_you"]["total"], body["near_you"]["has_more"]) == (
        [],
        0,
        False,
    )
    assert ids(home(APIClient(), **PLACE)["near_you"]) != []


def test_what_blocked_people_sell_and_broadcast_is_not_on_the_home_screen() -> None:
    viewer, seller = make_user(), make_seller()
    make_product(seller=seller)
    make_live_stream(seller=seller)
    block(seller, viewer)
    body = home(client_for(viewer), **PLACE)
    assert (body["live_now"], body["near_you"]["items"]) == ([], [])


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"latitude": "25"}, "longitude"),
        ({"longitude": "55"}, "latitude"),
        ({"latitude": "x", "longitude": "55"}, "latitude"),
        ({"latitude": "91", "longitude": "55"}, "latitude"),
    ],
)
def test_half_a_place_or_a_wrong_one_is_refused(params: dict[str, str], field: str) -> None:
    response = APIClient().get(HOME, params)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == [field]


def test_the_home_screen_takes_the_same_number_of_queries_however_much_is_on_it(
    django_assert_num_queries: Any,
) -> None:
    viewer = make_user()

    def add() -> None:
        seller = make_seller()
        product = make_product(seller=seller, image_urls=["https://example.com/a.jpg"])
        make_product(seller=seller, feed_type="discover", video_url="https://example.com/v.m3u8")
        make_live_stream(seller=seller, products=[product])
        follow(viewer, seller)
        make_message(conversation := make_conversation(buyer=viewer, seller=seller), conversation.seller)
        make_offer(make_product(seller=seller), buyer=viewer)

    client = client_for(viewer)
    for count in (1, 8):
        for _ in range(count):
            add()
        # The caller, blocks, live streams, two feeds; for badges blocks, messages, notifications, offers and
        # orders.
        with django_assert_num_queries(10):
            home(client, **PLACE)
    with django_assert_num_queries(3):
        home(APIClient(), **PLACE)


def test_lists_of_streams_take_the_same_number_of_queries_however_many_they_show(
    django_assert_num_queries: Any,
) -> None:
    viewer = make_user()
    client = client_for(viewer)
    for count in (1, 8):
        for _ in range(count):
            seller = make_seller()
            make_live_stream(seller=seller, products=[make_product(seller=seller) for _ in range(2)])
        with django_assert_num_queries(3):  # the caller, the count, the page
            response = client.get("/api/v1/streams/live")
    assert {item["productCount"] for item in response.json()["data"]["items"]} == {2}


def test_a_stream_whose_products_were_removed_has_no_cover() -> None:
    stream = make_live_stream(products=[make_product(image_urls=["https://example.com/a.jpg"])])
    stream.stream_products.update(removed_at=stream.started_at)
    [card] = home(APIClient())["live_now"]
    assert (card["cover"], card["productCount"]) == (None, 0)


def test_the_config_tells_apps_the_limits_and_may_be_kept_by_anybody(settings: Any) -> None:
    settings.MINIMUM_APP_VERSIONS = {"ios": "2.1.0", "android": "2.0.0", "web": "1.0.0"}
    response = APIClient().get(CONFIG)
    data = response.json()["data"]
    assert response["Cache-Control"] == "public, max-age=60"
    assert data["api_version"] == __version__
    assert data["minimum_versions"] == settings.MINIMUM_APP_VERSIONS
    assert data["limits"]["message_editable_seconds"] == 900
    assert data["reactions"] == settings.STREAM_REACTIONS
    assert (data["languages"], data["currency"]) == (["en", "ar"], "AED")


def test_the_categories_version_changes_with_a_name_but_not_with_numbers_of_products(
    django_assert_num_queries: Any,
) -> None:
    def version() -> str:
        with django_assert_num_queries(1):
            return str(APIClient().get(CONFIG).json()["data"]["categories_version"])

    first = version()
    make_product()
    assert version() == first
    Category.objects.filter(slug="sneakers").update(name="Shoes")
    assert version() != first
