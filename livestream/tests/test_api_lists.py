"""Lists of streams over REST, and the visibility of streams."""

from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.tests.factories import block, client_for, follow, make_seller, make_user
from listings.tests.factories import make_product
from livestream.models import Replay
from livestream.tests.factories import make_live_stream, make_stream

pytestmark = pytest.mark.django_db


def test_a_followers_stream_shows_its_video_to_followers_only() -> None:
    stream = make_live_stream(audience="followers")
    stranger, follower = make_user(), make_user()
    follow(follower, stream.seller)
    url = f"/api/v1/streams/{stream.pk}"
    refused = client_for(stranger).get(url).json()["data"]
    assert (refused["canWatch"], refused["hlsUrl"], refused["dashUrl"]) == (False, None, None)
    assert client_for(follower).get(url).json()["data"]["hlsUrl"].endswith("/index.m3u8")
    assert client_for(stranger).get(f"{url}/chat").json()["error"]["code"] == "followers_only"
    for path in ("/api/v1/streams", "/api/v1/streams/live"):
        assert client_for(stranger).get(path).json()["data"]["total"] == 0
        assert client_for(follower).get(path).json()["data"]["total"] == 1


def test_cards_have_a_still_while_live_and_the_poster_of_the_replay_later() -> None:
    viewer, live = client_for(make_user()), make_live_stream()
    [card] = viewer.get("/api/v1/streams/live").json()["data"]["items"]
    assert card["streamId"] == str(live.pk)
    assert card["thumbnailUrl"].endswith(f"/live/{live.public_id}/still.jpg")
    assert card["dvrUrl"].endswith(f"/live/{live.public_id}/dvr.m3u8")
    ended = make_stream(status="ended", started_at=timezone.now(), ended_at=timezone.now())
    replay = Replay.objects.create(stream=ended, state="ready", has_poster=True)

    def thumbnail() -> Any:
        data = viewer.get(f"/api/v1/streams/{ended.pk}").json()["data"]
        assert data["dvrUrl"] is None
        return data["thumbnailUrl"]

    assert thumbnail().endswith(f"/vods/{ended.public_id}/poster.jpg")
    for change in ({"state": "failed"}, {"state": "ready", "has_poster": False}):
        Replay.objects.filter(pk=replay.pk).update(**change)
        assert thumbnail() is None


def test_lists_filter_and_omit_blocked_cancelled_and_banned_streams() -> None:
    viewer = make_user()
    live = make_live_stream(category_id="trading_cards", viewer_count=3)
    popular = make_live_stream(viewer_count=9)
    make_stream(status="cancelled", cancelled_at=timezone.now())
    hidden = make_live_stream()
    block(viewer, hidden.seller)
    make_live_stream(seller=make_seller(is_active=False, banned_at=timezone.now()))
    scheduled = make_stream()
    client = client_for(viewer)

    def ids(query: str) -> list[UUID]:
        return [
            UUID(item["streamId"]) for item in client.get(f"/api/v1/streams{query}").json()["data"]["items"]
        ]

    assert ids("/live") == [popular.pk, live.pk]
    assert ids("/live?category=trading_cards") == [live.pk]
    assert ids("") == [scheduled.pk, popular.pk, live.pk]
    assert ids("?status=scheduled") == [scheduled.pk]
    assert ids(f"?seller_id={live.seller_id}") == [live.pk]
    assert ids("?mine=true") == []
    assert client.get("/api/v1/streams?status=odd").status_code == 400


def test_sellers_list_of_their_own_streams_includes_cancelled_ones() -> None:
    stream = make_stream()
    client = client_for(stream.seller)
    assert client.post(f"/api/v1/streams/{stream.pk}/cancel").json()["data"]["status"] == "cancelled"
    assert client.get("/api/v1/streams?mine=true").json()["data"]["total"] == 1
    assert client_for(make_user()).get(f"/api/v1/streams/{stream.pk}").status_code == 404


def test_a_list_takes_a_constant_number_of_queries(django_assert_num_queries: Any) -> None:
    viewer = make_user()
    client = client_for(viewer)
    for count in (1, 5):
        for _ in range(count):
            seller = make_seller()
            stream = make_live_stream(seller=seller, products=[make_product(seller=seller)])
            Replay.objects.filter(stream=stream).update(state="waiting")
        with django_assert_num_queries(3):  # the token's user, the count, the page
            client.get("/api/v1/streams")
        with django_assert_num_queries(3):
            client.get("/api/v1/streams/live")
