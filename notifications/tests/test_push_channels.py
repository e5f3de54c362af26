"""What goes over the wire to push services, and how their answers are understood."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.push.access_token import AccessToken
from notifications.push.channels import Busy, Lost, Message, Refused, Sent, Target, Unregistered
from notifications.push.console import ConsoleChannel
from notifications.push.fcm import FcmChannel
from notifications.push.web_push import WebPushChannel
from notifications.tests.fake_fcm import FakeFcm, error, unregistered
from notifications.tests.fake_web_push import FakeWebPush, Subscription, b64, raw_public_key
from notifications.tests.http2_server import Reply
from notifications.vapid import public_key
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.api


def message(**values: Any) -> Message:
    fields: dict[str, Any] = {
        "notification_id": UUID("7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11"),
        "kind": "message_new",
        "title": "testbuyer",
        "body": "Hi! Is this item still available?",
        "language": "en",
        "link": "soukloop://chat/0b4f4e9e",
        "url": "https://soukloop.com/chat/0b4f4e9e",
        "collapse_key": "conversation:0b4f4e9e",
        "badge": 3,
        "is_urgent": True,
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
        "data": {"conversation_id": "0b4f4e9e"},
    }
    return Message(**fields | values)


def phone(token: str = "phone") -> Target:
    return Target(uuid4(), "fcm", token)


def browser(subscription: Subscription) -> Target:
    return Target(uuid4(), "webpush", subscription.endpoint, subscription.p256dh, subscription.auth)


@pytest_asyncio.fixture
async def to_phones(fcm: FakeFcm) -> AsyncIterator[FcmChannel]:
    channel = FcmChannel()
    yield channel
    await channel.close()


@pytest_asyncio.fixture
async def to_browsers(web_push: FakeWebPush) -> AsyncIterator[WebPushChannel]:
    channel = WebPushChannel()
    yield channel
    await channel.close()


# FCM


async def test_fcm_gets_a_message_with_texts_data_and_badge(fcm: FakeFcm, to_phones: FcmChannel):
    assert await to_phones.send(phone(), message()) == Sent()
    [sent] = fcm.messages
    assert sent["notification"] == {"title": "testbuyer", "body": "Hi! Is this item still available?"}
    assert sent["data"] == {
        "conversation_id": "0b4f4e9e",
        "kind": "message_new",
        "notification_id": "7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11",
        "link": "soukloop://chat/0b4f4e9e",
        "url": "https://soukloop.com/chat/0b4f4e9e",
    }
    android = sent["android"]
    assert (android["collapse_key"], android["priority"]) == ("conversation:0b4f4e9e", "HIGH")
    assert 3590 <= int(android["ttl"].removesuffix("s")) <= 3600
    assert android["notification"] == {"tag": "conversation:0b4f4e9e", "notification_count": 3}
    assert sent["apns"]["headers"]["apns-collapse-id"] == "conversation:0b4f4e9e"
    assert sent["apns"]["payload"]["aps"]["badge"] == 3


@pytest.mark.parametrize(
    "answer",
    [
        unregistered,
        lambda: error(404, "NOT_FOUND", "Requested entity was not found."),
        lambda: error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"),
        lambda: error(
            400,
            "INVALID_ARGUMENT",
            "The registration token is not a valid FCM registration token",
            "INVALID_ARGUMENT",
        ),
    ],
    ids=["unregistered", "not_found", "other_sender", "invalid_token"],
)
async def test_tokens_that_fcm_does_not_know_are_unregistered(
    fcm: FakeFcm, to_phones: FcmChannel, answer: Callable[[], Reply]
):
    fcm.devices["phone"] = answer
    assert isinstance(await to_phones.send(phone(), message()), Unregistered)
    assert fcm.requests["phone"] == 1


async def test_a_404_that_is_not_of_fcm_costs_no_device(fcm: FakeFcm, to_phones: FcmChannel):
    fcm.devices["phone"] = lambda: Reply(404, b"<html>")
    assert isinstance(await to_phones.send(phone(), message()), Refused)


async def test_an_invalid_message_costs_no_device(fcm: FakeFcm, to_phones: FcmChannel):
    reply = {
        "error": {
            "code": 400,
            "message": "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": "message.data[0].value", "description": "Invalid value"}],
                }
            ],
        }
    }
    fcm.devices["phone"] = lambda: Reply(400, json.dumps(reply).encode())
    assert isinstance(await to_phones.send(phone(), message()), Refused)


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("status", "name", "header", "wait"),
    [
        (429, "RESOURCE_EXHAUSTED", {"Retry-After": "60"}, (60, 60)),
        (503, "UNAVAILABLE", {"Retry-After": 3000}, (2400, 3000)),
        (503, "UNAVAILABLE", {"Retry-After": -30}, (0, 0)),
        (429, "RESOURCE_EXHAUSTED", {"Retry-After": "9999999"}, (3600, 3600)),
    ],
)
async def test_429_and_503_of_fcm_say_when_to_ask_again(
    fcm: FakeFcm,
    to_phones: FcmChannel,
    status: int,
    name: str,
    header: dict[str, str | int],
    wait: tuple[int, int],
):
    # A number stands for the date in so many seconds.
    headers = {key: in_seconds(each) if isinstance(each, int) else each for key, each in header.items()}
    fcm.devices["phone"] = lambda: error(status, name, "Quota exceeded", "QUOTA_EXCEEDED", headers)
    outcome = await to_phones.send(phone(), message())
    assert isinstance(outcome, Busy)
    assert outcome.retry_after is not None
    assert wait[0] <= outcome.retry_after <= wait[1]


async def test_a_503_without_retry_after_leaves_the_wait_to_the_sender(fcm: FakeFcm, to_phones: FcmChannel):
    fcm.devices["phone"] = lambda: error(503, "UNAVAILABLE", "The service is unavailable.")
    outcome = await to_phones.send(phone(), message())
    assert isinstance(outcome, Busy)
    assert outcome.retry_after is None


async def test_an_answer_that_may_follow_a_push_that_went_out_is_lost(fcm: FakeFcm, to_phones: FcmChannel):
    fcm.devices["phone"] = lambda: error(500, "INTERNAL", "Internal error encountered.", "INTERNAL")
    assert isinstance(await to_phones.send(phone(), message()), Lost)


async def test_no_answer_in_time_is_lost_and_the_others_get_theirs(settings: Any, fcm: FakeFcm):
    settings.PUSH_ANSWER_TIMEOUT = timedelta(seconds=1)
    fcm.devices["silent"] = lambda: Reply(200, after=None)
    channel = FcmChannel()
    outcomes = await asyncio.gather(*(channel.send(phone(name), message()) for name in ("silent", "a", "b")))
    assert [type(outcome) for outcome in outcomes] == [Lost, Sent, Sent]
    assert await channel.send(phone("c"), message()) == Sent()
    await channel.close()


async def test_fcm_that_can_not_be_reached_is_busy(fcm: FakeFcm, settings: Any):
    settings.FCM_URL = "https://localhost:9"
    channel = FcmChannel()
    outcomes = await asyncio.gather(*(channel.send(phone(str(number)), message()) for number in range(50)))
    assert {type(outcome) for outcome in outcomes} == {Busy}


async def test_a_certificate_of_nobody_is_not_trusted(
    fcm: FakeFcm, to_phones: FcmChannel, monkeypatch: pytest.MonkeyPatch
):
    assert await to_phones.send(phone(), message()) == Sent()
    monkeypatch.delenv("SSL_CERT_FILE")
    channel = FcmChannel()
    channel.token = to_phones.token
    assert isinstance(await channel.send(phone(), message()), Busy)
    assert fcm.requests["phone"] == 1


async def test_no_more_than_a_hundred_streams_are_open_on_a_connection(fcm: FakeFcm, to_phones: FcmChannel):
    fcm.takes_after = 0.05
    outcomes = await asyncio.gather(
        *(to_phones.send(phone(str(number)), message()) for number in range(1000))
    )
    assert set(outcomes) == {Sent()}
    assert 20 < fcm.server.most_streams <= 100
    assert fcm.server.connections <= 6  # four, and one for each fetch of the token
    assert max(fcm.requests.values()) == 1


async def test_fewer_streams_are_open_where_the_server_says_so(fcm: FakeFcm):
    fcm.server.streams_max = 7
    fcm.takes_after = 0.02
    channel = FcmChannel()
    outcomes = await asyncio.gather(*(channel.send(phone(str(number)), message()) for number in range(100)))
    assert set(outcomes) == {Sent()}
    assert fcm.server.most_streams <= 7
    await channel.close()


async def test_a_goaway_half_way_loses_nothing_and_sends_nothing_twice(fcm: FakeFcm, to_phones: FcmChannel):
    fcm.takes_after = 0.1
    fcm.server.goaway_at = 101
    numbers = [str(number) for number in range(600)]
    outcomes = await asyncio.gather(*(to_phones.send(phone(number), message()) for number in numbers))
    assert fcm.server.goaway_at is None  # it was sent
    assert set(outcomes) == {Sent()}
    assert sorted(each["token"] for each in fcm.messages) == sorted(numbers)
    assert set(fcm.requests.values()) == {1}


# The access token


async def test_a_token_that_fcm_no_longer_takes_is_renewed_once(fcm: FakeFcm, to_phones: FcmChannel):
    assert await to_phones.send(phone(), message()) == Sent()
    fcm.valid_tokens.clear()
    outcomes = await asyncio.gather(*(to_phones.send(phone(), message()) for _ in range(20)))
    assert set(outcomes) == {Sent()}
    assert fcm.tokens_fetched == 2


def test_all_workers_share_one_access_token(fcm: FakeFcm):
    tokens = [AccessToken(fcm.credentials) for _ in range(8)]  # as many processes
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(AccessToken.get, tokens))
    assert len(values) == 1
    assert fcm.tokens_fetched == 1


def test_a_token_that_redis_lost_is_fetched_once_more(fcm: FakeFcm):
    first = AccessToken(fcm.credentials).get()
    redis_client().flushdb()
    tokens = [AccessToken(fcm.credentials) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        values = set(pool.map(AccessToken.get, tokens))
    assert len(values) == 1
    assert first not in values
    assert fcm.tokens_fetched == 2


def test_a_token_is_renewed_five_minutes_before_it_expires(fcm: FakeFcm, time_machine: Any):
    token = AccessToken(fcm.credentials)
    first = token.get()
    time_machine.move_to(datetime.now(UTC) + timedelta(minutes=54))
    assert token.get() == first
    redis_client().flushdb()  # its clock does not travel
    time_machine.move_to(datetime.now(UTC) + timedelta(minutes=2))
    assert token.get() != first


def test_redis_keeps_no_readable_token(fcm: FakeFcm):
    token = AccessToken(fcm.credentials).get()
    kept = [redis_client().get(key) for key in redis_client().keys("push:*")]
    assert len(kept) == 1
    assert token.encode() not in kept[0]


# Web Push


async def test_a_browser_gets_what_only_it_can_read(web_push: FakeWebPush, to_browsers: WebPushChannel):
    subscription = web_push.subscribe()
    assert await to_browsers.send(browser(subscription), message()) == Sent()
    [delivery] = web_push.deliveries_of(subscription)
    assert delivery.payload == {
        "title": "testbuyer",
        "body": "Hi! Is this item still available?",
        "kind": "message_new",
        "notification_id": "7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11",
        "link": "soukloop://chat/0b4f4e9e",
        "url": "https://soukloop.com/chat/0b4f4e9e",
        "badge": 3,
        "tag": "conversation:0b4f4e9e",
        "language": "en",
        "direction": "ltr",
        "data": {"conversation_id": "0b4f4e9e"},
    }
    assert delivery.headers["urgency"] == "high"
    assert 3590 <= int(delivery.headers["ttl"]) <= 3600
    assert len(delivery.headers["topic"]) == 32


async def test_arabic_pushes_say_their_direction(web_push: FakeWebPush, to_browsers: WebPushChannel):
    subscription = web_push.subscribe()
    await to_browsers.send(browser(subscription), message(language="ar", title="رسالة جديدة"))
    [delivery] = web_push.deliveries_of(subscription)
    assert (delivery.payload["title"], delivery.payload["direction"]) == ("رسالة جديدة", "rtl")


def test_the_public_key_is_the_pair_of_the_private_one(vapid_key: ec.EllipticCurvePrivateKey, settings: Any):
    assert public_key() == b64(raw_public_key(vapid_key))
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    settings.VAPID_PRIVATE_KEY = vapid_key.private_bytes(*pem).decode()
    assert public_key() == b64(raw_public_key(vapid_key))


@pytest.mark.parametrize("status", [404, 410])
async def test_subscriptions_that_are_gone_are_unregistered(
    web_push: FakeWebPush, to_browsers: WebPushChannel, status: int
):
    subscription = web_push.subscribe()
    web_push.answer_with(subscription, lambda: Reply(status))
    assert isinstance(await to_browsers.send(browser(subscription), message()), Unregistered)


async def test_a_busy_push_service_says_when_to_ask_again(web_push: FakeWebPush, to_browsers: WebPushChannel):
    subscription = web_push.subscribe()
    web_push.answer_with(subscription, lambda: Reply(429, headers={"Retry-After": "120"}))
    outcome = await to_browsers.send(browser(subscription), message())
    assert isinstance(outcome, Busy)
    assert outcome.retry_after == 120


async def test_signatures_are_made_anew_before_they_expire(
    web_push: FakeWebPush, to_browsers: WebPushChannel, time_machine: Any
):
    subscription = web_push.subscribe()
    start = datetime.now(UTC)
    for hours in (0, 5, 7, 30):
        time_machine.move_to(start + timedelta(hours=hours))
        later = message(expires_at=start + timedelta(days=3))
        assert await to_browsers.send(browser(subscription), later) == Sent()
    signatures = [delivery.headers["authorization"] for delivery in web_push.deliveries_of(subscription)]
    assert signatures[0] == signatures[1]
    assert len(set(signatures)) == 3


async def test_a_browser_that_subscribed_with_an_earlier_key_gets_pushes_while_that_is_a_fallback(
    web_push: FakeWebPush, settings: Any
):
    subscription, old = web_push.subscribe(), settings.VAPID_PRIVATE_KEY
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    settings.VAPID_PRIVATE_KEY = b64(number.to_bytes(32))
    outcomes = []
    for fallbacks in ([old], []):
        settings.VAPID_PRIVATE_KEY_FALLBACKS = fallbacks
        channel = WebPushChannel()
        outcomes.append(await channel.send(browser(subscription), message()))
        await channel.close()
    assert outcomes[0] == Sent()
    assert isinstance(outcomes[1], Refused)
    assert len(web_push.deliveries_of(subscription)) == 1
    web_push.problems.clear()  # the attempts with the new key


async def test_unusable_keys_are_unregistered_without_a_request(
    web_push: FakeWebPush, to_browsers: WebPushChannel
):
    subscription = web_push.subscribe()
    for p256dh in ("", "AAAA", b64(b"\x04" + bytes(64))):
        target = Target(uuid4(), "webpush", subscription.endpoint, p256dh, subscription.auth)
        assert isinstance(await to_browsers.send(target, message()), Unregistered)
    assert web_push.requests_of(subscription) == 0


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://localhost/x",
        "https://127.0.0.1/x",
        "https://localhost.example.com/x",
        "https://user@localhost/x",
        "https://localhost:x/",
        "file:///etc/passwd",
    ],
)
async def test_no_other_address_than_of_push_services_is_asked(
    web_push: FakeWebPush, to_browsers: WebPushChannel, endpoint: str
):
    subscription = web_push.subscribe()
    target = Target(uuid4(), "webpush", endpoint, subscription.p256dh, subscription.auth)
    assert isinstance(await to_browsers.send(target, message()), Refused)
    assert not web_push.requests


async def test_a_push_service_without_http2_is_spoken_to_as_well(certificates: Any, vapid_key: Any):
    with FakeWebPush(certificates, vapid_key, protocols=("http/1.1",)) as server:
        channel = WebPushChannel()
        subscriptions = [server.subscribe() for _ in range(3)]
        outcomes = await asyncio.gather(*(channel.send(browser(each), message()) for each in subscriptions))
        assert set(outcomes) == {Sent()}
        assert all(len(server.deliveries_of(each)) == 1 for each in subscriptions)
        assert server.problems == []
        await channel.close()


async def test_the_console_shows_what_would_go_out(capsys: pytest.CaptureFixture[str]):
    arabic = message(language="ar", title="\u2068نورة\u2069 بدأت بثًا مباشرًا", body="تمور العين")
    assert await ConsoleChannel().send(phone("a" * 100), arabic) == Sent()
    assert capsys.readouterr().out.splitlines() == [
        f"Push to fcm {'a' * 24}… (ar, message_new)",
        "  \u2068نورة\u2069 بدأت بثًا مباشرًا",
        "  تمور العين",
        "  soukloop://chat/0b4f4e9e  badge 3",
    ]
