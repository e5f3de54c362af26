"""Guide 4.1 to 4.9 over REST, to the letter, and who is refused what."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.conf import settings as configured
from django.utils import timezone

from accounts.models import User
from accounts.services.moderation import ban
from accounts.tests.factories import block, client_for, follow, make_seller, make_staff, make_user
from listings.tests.factories import make_product
from livestream.media import stream_keys
from livestream.models import Replay, Stream, StreamProduct, ViewerSession
from livestream.serializers.inputs import ChatCommand
from livestream.services.chat import post_message
from livestream.tests.factories import make_live_stream, make_publisher, make_stream

pytestmark = pytest.mark.django_db

NO_STREAM = f"/api/v1/streams/{uuid4()}"
READY = {"camera_ready": True, "checklist_complete": True}


def body_of_guide_4_1(*product_ids: Any) -> dict[str, Any]:
    return {
        "title": "Flash Sale - Up to 50% Off Sneakers!",
        "description": "Live shopping event with exclusive deals",
        "category": "sneakers",
        "audience": "everyone",
        "estimated_duration": 30,
        "notify_followers": True,
        "notify_neighborhood": True,
        "enable_chat": True,
        "enable_comments": True,
        "record_stream": True,
        "product_ids": [str(pk) for pk in product_ids],
    }


def test_creating_answers_as_in_the_guide_and_attaches_the_products_in_order() -> None:
    seller = make_seller()
    first, second = make_product(seller=seller), make_product(seller=seller)
    response = client_for(seller).post("/api/v1/streams", body_of_guide_4_1(second.pk, first.pk))
    assert response.status_code == 201
    data = response.json()["data"]
    stream = Stream.objects.get()
    assert data["streamId"] == str(stream.pk)
    assert data["title"] == "Flash Sale - Up to 50% Off Sneakers!"
    assert data["status"] == "scheduled"
    assert data["audience"] == "everyone"
    assert data["estimatedDuration"] == 30
    assert data["productCount"] == 2
    assert data["createdAt"].endswith("Z")
    assert data["hlsUrl"] is data["vodUrl"] is None
    assert list(StreamProduct.objects.order_by("position").values_list("product_id", flat=True)) == [
        second.pk,
        first.pk,
    ]
    assert (stream.notify_neighborhood, stream.enable_comments, stream.record_stream) == (True, True, True)


def test_the_same_idempotency_key_creates_one_stream() -> None:
    client = client_for(make_seller())
    answers = [
        client.post("/api/v1/streams", body_of_guide_4_1(), headers={"Idempotency-Key": "one"}).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert Stream.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 201),
        ("category", "no-such-category"),
        ("category", None),
        ("audience", "friends"),
        ("estimated_duration", 0),
        ("estimated_duration", "soon"),
        ("notify_followers", "perhaps"),
        ("slow_mode_seconds", 2),
        ("slow_mode_seconds", 121),
        ("product_ids", "all"),
        ("product_ids", ["not-a-uuid"]),
        ("product_ids", [str(uuid4())]),
        ("title", "a\x00b"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_created(field: str, value: Any) -> None:
    response = client_for(make_seller()).post("/api/v1/streams", body_of_guide_4_1() | {field: value})
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == [field]
    assert not Stream.objects.exists()


def test_buyers_and_other_peoples_products_are_refused() -> None:
    seller, product = make_seller(), make_product()
    refusals = [
        client_for(make_user()).post("/api/v1/streams", body_of_guide_4_1()),
        client_for(seller).post("/api/v1/streams", body_of_guide_4_1(product.pk)),
    ]
    assert [(one.status_code, one.json()["error"]["code"]) for one in refusals] == [
        (403, "sellers_only"),
        (403, "not_your_product"),
    ]
    assert not Stream.objects.exists()


def test_settings_change_while_scheduled_and_never_after() -> None:
    stream = make_stream()
    url = f"/api/v1/streams/{stream.pk}/settings"
    body = {"audience": "followers", "estimated_duration": 45, "notify_neighborhood": False}
    data = client_for(stream.seller).patch(url, body).json()["data"]
    assert (data["audience"], data["estimatedDuration"], data["notifyNeighborhood"]) == (
        "followers",
        45,
        False,
    )
    assert data["title"] == stream.title
    refused = client_for(stream.seller).patch(url, {"notify_folowers": False})
    assert refused.status_code == 400
    assert "notify_followers" in refused.json()["error"]["details"]["non_field_errors"][0]
    Stream.objects.filter(pk=stream.pk).update(status="live", started_at=timezone.now())
    response = client_for(stream.seller).patch(url, {"estimated_duration": 60})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "stream_not_scheduled")
    stream.refresh_from_db()
    assert stream.estimated_duration == 45


def test_going_live_answers_as_in_the_guide_and_counts_who_is_told() -> None:
    seller = make_seller()
    for _ in range(3):
        follow(make_user(), seller)
    follow(make_user(is_active=False, banned_at=timezone.now()), seller)
    blocked = make_user()
    follow(blocked, seller)
    block(seller, blocked)
    product = make_product(seller=seller)
    stream = make_stream(seller=seller, products=[product])
    response = client_for(seller).post(
        f"/api/v1/streams/{stream.pk}/go-live", {"camera_ready": True, "checklist_complete": True}
    )
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    data = response.json()["data"]
    stream.refresh_from_db()
    product.refresh_from_db()
    key = data.pop("streamKey")
    assert data == {
        "streamId": str(stream.pk),
        "status": "live",
        "rtmpUrl": configured.RTMP_URL,
        "hlsUrl": f"{configured.MEDIA_URL}live/{stream.public_id}/index.m3u8",
        "dashUrl": f"{configured.MEDIA_URL}live/{stream.public_id}/manifest.mpd",
        "startedAt": data["startedAt"],
        "notificationsSent": 3,
    }
    assert key.startswith("sk_")
    assert stream.key_digest == stream_keys.digest(key)
    assert key not in str(Stream.objects.values().get())
    assert product.live_stream_id == stream.pk


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["camera_ready", "checklist_complete"]),
        ({"camera_ready": False, "checklist_complete": True}, ["camera_ready"]),
        ({"camera_ready": True, "checklist_complete": False}, ["checklist_complete"]),
    ],
)
def test_nobody_goes_live_unprepared(body: dict[str, bool], fields: list[str]) -> None:
    stream = make_stream()
    response = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/go-live", body)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == fields
    stream.refresh_from_db()
    assert (stream.status, stream.key_digest) == ("scheduled", None)


def test_a_second_live_stream_is_refused() -> None:
    live = make_live_stream()
    stream = make_stream(seller=live.seller)
    ready = {"camera_ready": True, "checklist_complete": True}
    response = client_for(live.seller).post(f"/api/v1/streams/{stream.pk}/go-live", ready)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "already_live")
    stream.refresh_from_db()
    assert stream.status == "scheduled"


def test_a_product_is_tagged_as_in_the_guide(
    captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    url = f"/api/v1/streams/{stream.pk}/products/{product.pk}/tag"
    with django_capture_on_commit_callbacks(execute=True):
        response = client_for(seller).post(url, {"x": 0.42, "y": 0.63, "timestamp_seconds": 120})
    assert response.status_code == 200
    shown = StreamProduct.objects.get()
    assert (shown.tag_x, shown.tag_y, shown.tag_timestamp_seconds) == (0.42, 0.63, 120)
    assert captured_events == [
        (
            f"stream.{stream.pk}",
            "product:tagged",
            {
                "streamId": str(stream.pk),
                "productId": str(product.pk),
                "title": product.title,
                "price": 850.0,
                "currency": "AED",
                "thumbnailUrl": "https://example.com/image1.jpg",
                "x": 0.42,
                "y": 0.63,
                "timestampSeconds": 120,
            },
        )
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"x": -0.1, "y": 0.5, "timestamp_seconds": 1},
        {"x": 0.5, "y": 1.01, "timestamp_seconds": 1},
        {"x": 0.5, "y": 0.5, "timestamp_seconds": -1},
        {"x": 0.5, "y": 0.5},
        {"x": "left", "y": 0.5, "timestamp_seconds": 1},
        {"x": 1e400, "y": 0.5, "timestamp_seconds": 1} | {"x": "inf"},
        {"x": "nan", "y": 0.5, "timestamp_seconds": 1},
    ],
)
def test_a_tag_off_the_picture_is_refused(body: dict[str, Any]) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    response = client_for(seller).post(f"/api/v1/streams/{stream.pk}/products/{product.pk}/tag", body)
    assert response.status_code == 400
    assert StreamProduct.objects.get().tag_x is None


def test_taps_of_viewers_are_counted_and_the_hosts_own_are_not() -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    url = f"/api/v1/streams/{stream.pk}/products/{product.pk}/click"
    client_for(make_user()).post(url)
    data = client_for(make_user()).post(url).json()["data"]
    assert data == {"productId": str(product.pk), "clicks": 2}
    assert client_for(seller).post(url).json()["data"]["clicks"] == 2


def test_products_come_and_go_while_live_and_only_one_s_own() -> None:
    seller = make_seller()
    product, other = make_product(seller=seller), make_product()
    stream = make_live_stream(seller=seller)
    client, url = client_for(seller), f"/api/v1/streams/{stream.pk}/products"
    assert client.post(f"{url}/{product.pk}").status_code == 201
    assert client.post(f"{url}/{product.pk}").status_code == 201
    product.refresh_from_db()
    assert product.live_stream_id == stream.pk
    assert client.post(f"{url}/{other.pk}").status_code == 403
    assert client_for(make_user()).post(f"{url}/{product.pk}").status_code == 403
    assert client.delete(f"{url}/{product.pk}").status_code == 204
    assert client.delete(f"{url}/{product.pk}").status_code == 404
    product.refresh_from_db()
    assert product.live_stream_id is None
    assert client.get(f"/api/v1/streams/{stream.pk}").json()["data"]["productCount"] == 0


def test_ending_answers_as_in_the_guide_with_counted_figures() -> None:
    start = timezone.now() - timedelta(seconds=1847)
    seller = make_seller()
    products = [make_product(seller=seller), make_product(seller=seller)]
    stream = make_live_stream(seller=seller, products=products, started_at=start)
    make_publisher(stream)
    StreamProduct.objects.filter(product=products[0]).update(
        tag_x=0.1, tag_y=0.2, tag_timestamp_seconds=5, first_tagged_at=start, clicks=7
    )
    for joined, left in ((0, 100), (50, 250), (200, 300)):
        ViewerSession.objects.create(
            stream=stream,
            user=make_user(),
            connection_id=f"c{joined}",
            joined_at=start + timedelta(seconds=joined),
            last_seen_at=start + timedelta(seconds=left),
            left_at=start + timedelta(seconds=left),
        )
    with time_machine.travel(start + timedelta(seconds=1847, milliseconds=300), tick=False):
        data = client_for(seller).post(f"/api/v1/streams/{stream.pk}/end").json()["data"]
    stream.refresh_from_db()
    assert data == {
        "streamId": str(stream.pk),
        "status": "ended",
        "duration": 1847,
        "stats": {
            "peakViewers": 2,
            "uniqueViewers": 3,
            "totalLikes": 0,
            "chatMessages": 0,
            "averageWatchTime": 133,
            "productsTagged": 1,
            "clicksOnProducts": 7,
        },
        "vodUrl": f"{configured.MEDIA_URL}vods/{stream.public_id}.m3u8",
        "endedAt": data["endedAt"],
    }
    assert (stream.status, stream.end_reason, stream.key_digest) == ("ended", "owner", None)
    products[0].refresh_from_db()
    assert products[0].live_stream_id is None


@pytest.mark.parametrize("value", ["yes", "true", 1, "on", None, [], {}])
def test_only_a_json_true_takes_a_stream_live(value: Any) -> None:
    stream = make_stream()
    url = f"/api/v1/streams/{stream.pk}/go-live"
    for name in READY:
        response = client_for(stream.seller).post(url, READY | {name: value})
        assert response.status_code == 400, name
        assert list(response.json()["error"]["details"]) == [name]
    stream.refresh_from_db()
    assert stream.status == "scheduled"


@pytest.mark.parametrize("field", ["x", "y"])
def test_true_is_no_place_on_the_picture(field: str) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    url = f"/api/v1/streams/{stream.pk}/products/{product.pk}/tag"
    body = {"x": 0.5, "y": 0.5, "timestamp_seconds": 1} | {field: True}
    response = client_for(seller).post(url, body)
    assert (response.status_code, list(response.json()["error"]["details"])) == (400, [field])


@pytest.mark.parametrize("name", ["limit", "per_page"])
def test_a_page_of_chat_has_from_1_to_100_lines(name: str) -> None:
    stream = make_live_stream()
    client = client_for(stream.seller)
    for number in range(3):
        post_message(actor=stream.seller, stream_id=stream.pk, message=f"Line {number}")
    url = f"/api/v1/streams/{stream.pk}/chat"
    for value in (0, 101, -1, "all"):
        response = client.get(url, {name: value})
        assert (response.status_code, list(response.json()["error"]["details"])) == (400, [name])
    assert len(client.get(url, {name: 2}).json()["data"]["items"]) == 2


def test_a_mistyped_rule_of_the_chat_is_not_answered_as_if_it_was_saved() -> None:
    stream = make_live_stream()
    url = f"/api/v1/streams/{stream.pk}/chat"
    refused = client_for(stream.seller).patch(url, {"slow_mode": 30})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"] == {
        "non_field_errors": [
            "There is nothing to change in this. The fields are: enable_chat, slow_mode_seconds."
        ]
    }


@pytest.mark.parametrize("path", ["/mutes", "/moderators"])
def test_keeping_order_after_the_end_is_a_conflict_in_the_right_words(path: str) -> None:
    stream = make_live_stream()
    client, url = client_for(stream.seller), f"/api/v1/streams/{stream.pk}"
    client.post(f"{url}/end")
    error = client.post(f"{url}{path}", {"user_id": str(make_user().pk)}).json()["error"]
    assert error["code"] == "stream_not_live"
    assert error["message"] == "This stream is ended; only a scheduled or live one allows this."


@pytest.mark.parametrize("text", ["\u202e", "\u200b\u200b", "\u2060 \u200d", "\u3164"])
def test_a_line_that_nobody_can_see_is_refused(text: str) -> None:
    shape = ChatCommand(data={"stream_id": str(uuid4()), "message": text})
    assert not shape.is_valid()
    assert list(shape.errors) == ["message"]
    for seen in ("\u202eolleh", "❤️", "two\nlines", "👩\u200d🍳"):
        assert ChatCommand(data={"stream_id": str(uuid4()), "message": seen}).is_valid(), seen


def test_without_recording_there_is_no_vod() -> None:
    stream = make_live_stream(record_stream=False)
    data = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/end").json()["data"]
    assert data["vodUrl"] is None
    assert client_for(stream.seller).get(f"/api/v1/streams/{stream.pk}/replay").status_code == 404


# method, URL behind the stream's, body, and what others than the owner get
OWNERS_ONLY = [
    ("patch", "/settings", {"title": "Mine now"}),
    ("post", "/go-live", {"camera_ready": True, "checklist_complete": True}),
    ("post", "/end", {}),
    ("post", "/cancel", {}),
    ("post", "/rotate-key", {}),
    ("get", "/analytics", None),
    ("post", f"/products/{uuid4()}", {}),
    ("delete", f"/products/{uuid4()}", None),
    ("post", f"/products/{uuid4()}/tag", {"x": 0, "y": 0, "timestamp_seconds": 0}),
    ("patch", "/chat", {"enable_chat": False}),
    ("post", "/mutes", {"user_id": str(uuid4())}),
    ("delete", f"/mutes/{uuid4()}", None),
    ("post", "/moderators", {"user_id": str(uuid4())}),
    ("delete", f"/moderators/{uuid4()}", None),
    ("delete", f"/chat/{uuid4()}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), OWNERS_ONLY)
def test_strangers_are_refused_and_change_nothing(method: str, path: str, body: Any) -> None:
    stream = make_live_stream()
    before = Stream.objects.values().get()
    url = f"/api/v1/streams/{stream.pk}{path}"
    assert getattr(client_for(make_seller()), method)(url, body).status_code == 403
    blocked = make_seller()
    block(stream.seller, blocked)
    assert getattr(client_for(blocked), method)(url, body).status_code == 404
    assert getattr(client_for(make_seller()), method)(NO_STREAM + path, body).status_code == 404
    assert Stream.objects.values().get() == before


def test_nobody_gets_anything_without_logging_in(client: Any) -> None:
    stream = make_live_stream()
    for path in ("", "/live", f"/{stream.pk}", f"/{stream.pk}/chat", f"/{stream.pk}/replay"):
        assert client.get(f"/api/v1/streams{path}").status_code == 401


@pytest.mark.parametrize(
    ("status", "path", "code"),
    [
        ("scheduled", "/end", "stream_not_live"),
        ("ended", "/end", "stream_not_live"),
        ("ended", "/go-live", "stream_not_scheduled"),
        ("cancelled", "/go-live", "stream_not_scheduled"),
        ("live", "/cancel", "stream_not_scheduled"),
        ("scheduled", "/rotate-key", "stream_not_live"),
    ],
)
def test_the_wrong_state_is_a_conflict(status: str, path: str, code: str) -> None:
    now = timezone.now()
    stream = make_stream(
        status=status,
        started_at=now if status in ("live", "ended") else None,
        ended_at=now if status == "ended" else None,
    )
    body = {"camera_ready": True, "checklist_complete": True}
    response = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}{path}", body)
    assert (response.status_code, response.json()["error"]["code"]) == (409, code)
    stream.refresh_from_db()
    assert stream.status == status


def test_a_rotated_key_is_another_and_the_first_is_worth_nothing() -> None:
    stream = make_live_stream()
    old = stream.key_digest
    data = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/rotate-key").json()["data"]
    stream.refresh_from_db()
    assert stream.key_digest == stream_keys.digest(data["streamKey"]) != old


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


def test_lists_filter_and_show_no_blocked_cancelled_or_banned_ones() -> None:
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


def test_one_s_own_list_has_the_cancelled_ones() -> None:
    stream = make_stream()
    client = client_for(stream.seller)
    assert client.post(f"/api/v1/streams/{stream.pk}/cancel").json()["data"]["status"] == "cancelled"
    assert client.get("/api/v1/streams?mine=true").json()["data"]["total"] == 1
    assert client_for(make_user()).get(f"/api/v1/streams/{stream.pk}").status_code == 404


def test_a_list_takes_the_same_few_queries_whatever_it_holds(django_assert_num_queries: Any) -> None:
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


def test_a_banned_sellers_streams_end_and_are_called_off() -> None:
    live = make_live_stream()
    planned = make_stream(seller=live.seller)
    ban(actor=make_staff(), user_id=live.seller_id, reason="Fakes")
    live.refresh_from_db()
    planned.refresh_from_db()
    assert (live.status, live.end_reason) == ("ended", "account_closed")
    assert planned.status == "cancelled"
    assert User.objects.get(pk=live.seller_id).banned_at is not None
