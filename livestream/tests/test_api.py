"""Streams over REST: creating, changing, going live and ending, as in the contract."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings as configured
from django.utils import timezone

from accounts.models import User
from accounts.services.moderation import ban_user
from accounts.tests.factories import block, client_for, follow, make_seller, make_staff, make_user
from listings.tests.factories import make_product
from livestream.media import stream_keys
from livestream.media.addresses import MediaAddresses
from livestream.models import Stream, StreamProduct, ViewerSession
from livestream.tests.factories import make_live_stream, make_publisher, make_stream

pytestmark = pytest.mark.django_db
READY = {"camera_ready": True, "checklist_complete": True}


def body_of_contract_4_1(*product_ids: Any) -> dict[str, Any]:
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


def test_response_to_creating_a_stream_is_as_in_the_contract_and_products_keep_their_order() -> None:
    seller = make_seller()
    first, second = make_product(seller=seller), make_product(seller=seller)
    response = client_for(seller).post("/api/v1/streams", body_of_contract_4_1(second.pk, first.pk))
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
        client.post("/api/v1/streams", body_of_contract_4_1(), headers={"Idempotency-Key": "one"}).json()
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
        ("category", "sneakers\x00"),
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
        ("title", "\u200b"),
        ("title", "bell\x07"),
        ("title", 7),
        ("description", "bell \x07"),
        ("description", "\u3164"),
    ],
)
def test_an_invalid_field_is_named_and_nothing_is_created(field: str, value: Any) -> None:
    response = client_for(make_seller()).post("/api/v1/streams", body_of_contract_4_1() | {field: value})
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == [field]
    assert not Stream.objects.exists()


def test_buyers_and_products_of_other_sellers_are_refused() -> None:
    seller, product = make_seller(), make_product()
    refusals = [
        client_for(make_user()).post("/api/v1/streams", body_of_contract_4_1()),
        client_for(seller).post("/api/v1/streams", body_of_contract_4_1(product.pk)),
    ]
    assert [(one.status_code, one.json()["error"]["code"]) for one in refusals] == [
        (403, "sellers_only"),
        (403, "not_your_product"),
    ]
    assert not Stream.objects.exists()


def test_a_buyer_is_told_to_be_no_seller_before_anything_about_fields() -> None:
    refused = client_for(make_user()).post("/api/v1/streams", {"nonsense": 1})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "sellers_only")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "\u200b"),
        ("title", "esc \x1b[31m"),
        ("description", "bell \x07"),
        ("description", ["x"]),
        ("category", "sneakers\x00"),
    ],
)
def test_unreadable_text_is_refused_in_settings(field: str, value: Any) -> None:
    stream = make_stream()
    before = Stream.objects.values().get()
    response = client_for(stream.seller).patch(f"/api/v1/streams/{stream.pk}/settings", {field: value})
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == [field]
    assert Stream.objects.values().get() == before


def test_a_description_may_be_blank_or_have_several_lines() -> None:
    seller = make_seller()
    for description, kept in (("Sneakers.\r\nSize 42.", "Sneakers.\nSize 42."), ("", ""), (" ", "")):
        body = body_of_contract_4_1() | {"description": description}
        response = client_for(seller).post("/api/v1/streams", body)
        assert response.json()["data"]["description"] == kept


def test_settings_can_only_be_changed_while_scheduled() -> None:
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


def test_response_to_going_live_is_as_in_the_contract_and_counts_the_people_to_notify(settings: Any) -> None:
    settings.RTMPS_URL = ""
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
    video = MediaAddresses(stream.public_id, viewer_id=None)
    assert data == {
        "streamId": str(stream.pk),
        "status": "live",
        "rtmpUrl": configured.RTMP_URL,
        "hlsUrl": video.hls,
        "dashUrl": video.dash,
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
def test_going_live_requires_camera_and_checklist(body: dict[str, bool], fields: list[str]) -> None:
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


def test_response_to_ending_a_stream_is_as_in_the_contract() -> None:
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
        "vodUrl": MediaAddresses(stream.public_id, viewer_id=None).vod,
        "endedAt": data["endedAt"],
    }
    assert (stream.status, stream.end_reason, stream.key_digest) == ("ended", "owner", None)
    products[0].refresh_from_db()
    assert products[0].live_stream_id is None


@pytest.mark.parametrize("value", ["yes", "true", 1, "on", None, [], {}])
def test_going_live_accepts_only_json_true(value: Any) -> None:
    stream = make_stream()
    url = f"/api/v1/streams/{stream.pk}/go-live"
    for name in READY:
        response = client_for(stream.seller).post(url, READY | {name: value})
        assert response.status_code == 400, name
        assert list(response.json()["error"]["details"]) == [name]
    stream.refresh_from_db()
    assert stream.status == "scheduled"


def test_a_stream_that_is_not_recorded_has_no_replay() -> None:
    stream = make_live_stream(record_stream=False)
    data = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/end").json()["data"]
    assert data["vodUrl"] is None
    assert client_for(stream.seller).get(f"/api/v1/streams/{stream.pk}/replay").status_code == 404


def test_rotating_the_key_replaces_the_old_one() -> None:
    stream = make_live_stream()
    old = stream.key_digest
    data = client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/rotate-key").json()["data"]
    stream.refresh_from_db()
    assert stream.key_digest == stream_keys.digest(data["streamKey"]) != old


def test_the_encrypted_address_for_encoders_is_given_where_there_is_one(settings: Any) -> None:
    settings.RTMPS_URL = "rtmps://live.soukloop.example:1936/live"
    stream = make_stream()
    url = f"/api/v1/streams/{stream.pk}"
    for answer in (
        client_for(stream.seller).post(f"{url}/go-live", READY),
        client_for(stream.seller).post(f"{url}/rotate-key"),
    ):
        assert answer.json()["data"]["rtmpsUrl"] == settings.RTMPS_URL


def test_banning_a_seller_ends_and_cancels_their_streams() -> None:
    live = make_live_stream()
    planned = make_stream(seller=live.seller)
    ban_user(actor=make_staff(), user_id=live.seller_id, reason="Fakes")
    live.refresh_from_db()
    planned.refresh_from_db()
    assert (live.status, live.end_reason) == ("ended", "account_closed")
    assert planned.status == "cancelled"
    assert User.objects.get(pk=live.seller_id).banned_at is not None
