"""Limits hold under bursts, and no request is refused while Redis is unavailable."""

import threading
from contextlib import suppress
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient

from soukloop.core.errors import RateLimited
from soukloop.core.http.requests import client_ip
from soukloop.core.redis import keys, rate_limits
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.urls("soukloop.core.tests.urls")


@pytest.fixture(autouse=True)
def three_a_minute(settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "test_scope": (3, 60)}
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False


def hit(scope: str, subject: str) -> None:
    with rate_limits.reserve([(scope, subject)]) as use:
        use.keep()


def hit_address(scope: str, ip: str) -> None:
    subject = rate_limits.subject_of(None, ip)
    assert subject is not None
    hit(scope, subject)


def test_a_hit_over_the_limit_is_refused_with_the_time_to_wait() -> None:
    for _ in range(3):
        hit("test_scope", "x")
    with pytest.raises(RateLimited) as refusal:
        hit("test_scope", "x")
    assert 55 <= refusal.value.retry_after <= 60
    hit("test_scope", "somebody else")


def test_an_address_may_have_a_wider_limit_than_a_person(settings: Any) -> None:
    settings.RATE_LIMITS_BY_ADDRESS = {"test_scope": (5, 60)}
    for subject, allowed in (("user:1", 3), ("ip:192.0.2.1", 5)):
        for _ in range(allowed):
            hit("test_scope", subject)
        with pytest.raises(RateLimited):
            hit("test_scope", subject)


def test_a_thousand_guests_behind_one_address_may_browse_at_production_defaults(settings: Any) -> None:
    uses, seconds = rate_limits.limit_of("default", "ip:192.0.2.1")
    assert (uses / 1000, seconds) == (6, 60)
    assert rate_limits.limit_of("default", "user:1") == (600, 60)


def test_a_refused_hit_does_not_lengthen_the_wait() -> None:
    for _ in range(10):
        with suppress(RateLimited):
            hit("test_scope", "x")
    assert redis_client().zcard(keys.rate_limit("test_scope", "x")) == 3


def test_hits_leave_the_window_one_by_one() -> None:
    for _ in range(3):
        hit("test_scope", "x")
    key = keys.rate_limit("test_scope", "x")
    [(oldest, score)] = redis_client().zrange(key, 0, 0, withscores=True)
    redis_client().zadd(key, {oldest: score - 61_000})
    hit("test_scope", "x")
    with pytest.raises(RateLimited):
        hit("test_scope", "x")


def test_a_burst_gets_no_more_than_the_limit() -> None:
    passed: list[int] = []
    barrier = threading.Barrier(20)

    def attempt() -> None:
        barrier.wait()
        try:
            hit("test_scope", "burst")
            passed.append(1)
        except RateLimited:
            pass

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 3


@pytest.mark.django_db
def test_a_refusal_is_429_with_a_retry_after_header() -> None:
    client = APIClient()
    statuses = [client.get("/api/v1/test/limited").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    response = client.get("/api/v1/test/limited")
    assert int(response["Retry-After"]) == response.json()["error"]["details"]["retry_after"]
    assert response.json()["error"]["code"] == "rate_limited"


@pytest.mark.django_db
def test_loopback_is_skipped_when_debugging_and_other_addresses_are_not(settings: Any) -> None:
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = True
    client = APIClient()
    assert [client.get("/api/v1/test/limited").status_code for _ in range(5)] == [200] * 5
    settings.TRUSTED_PROXIES = 1
    elsewhere = APIClient(headers={"x-forwarded-for": "203.0.113.9"})
    assert [elsewhere.get("/api/v1/test/limited").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_forged_forwarded_header_does_not_change_the_client_address(settings: Any, rf: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    request = rf.get("/", headers={"x-forwarded-for": "1.1.1.1, 203.0.113.9"})
    assert client_ip(request) == "203.0.113.9"
    settings.TRUSTED_PROXIES = 0
    assert client_ip(request) == "127.0.0.1"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:50123", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:50123", "203.0.113.9"),
        ("[2001:DB8::7]:50123", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("unix:", "unix:"),
        ("203.0.113:1", "203.0.113:1"),
        ("[]", "[]"),
    ],
)
def test_the_client_address_is_the_same_however_a_proxy_writes_it(
    settings: Any, rf: Any, sent: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = 1
    assert client_ip(rf.get("/", headers={"x-forwarded-for": f"1.1.1.1, {sent}"})) == expected


def test_ipv4_addresses_inside_ipv6_do_not_share_a_limit(settings: Any) -> None:
    for _ in range(3):
        hit_address("test_scope", "::ffff:203.0.113.9")
    with pytest.raises(RateLimited):
        hit_address("test_scope", "203.0.113.9")
    hit_address("test_scope", "::ffff:203.0.113.10")
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = True
    assert rate_limits.subject_of(None, "::ffff:127.0.0.1") is None


def test_addresses_of_one_ipv6_network_share_a_limit() -> None:
    for last in range(3):
        hit_address("test_scope", f"2001:db8::{last}")
    with pytest.raises(RateLimited):
        hit_address("test_scope", "2001:db8::ffff")


def test_no_request_is_refused_while_redis_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def eval(self, *args: Any) -> None:
            raise RedisConnectionError("refused")

    monkeypatch.setattr(rate_limits, "redis_client", Away)
    for _ in range(10):
        hit("test_scope", "x")


def test_a_reserved_use_counts_only_if_it_is_kept() -> None:
    uses = [("test_scope", "x"), ("test_scope", "y")]
    for _ in range(5):
        with rate_limits.reserve(uses):
            pass
    with suppress(ValueError), rate_limits.reserve(uses):
        raise ValueError
    assert redis_client().zcard(keys.rate_limit("test_scope", "x")) == 0
    for _ in range(3):
        with rate_limits.reserve([("test_scope", "y")]) as use:
            use.keep()
    with pytest.raises(RateLimited), rate_limits.reserve(uses):
        pass
    assert redis_client().zcard(keys.rate_limit("test_scope", "x")) == 0
    with rate_limits.reserve(uses, is_exempt=lambda scope: scope == "test_scope"):
        assert redis_client().zcard(keys.rate_limit("test_scope", "x")) == 1


def test_parallel_tries_cannot_pass_a_limit_of_failures_together() -> None:
    tries: list[int] = []
    barrier = threading.Barrier(20)

    def fail() -> None:
        barrier.wait()
        with suppress(RateLimited), rate_limits.reserve([("test_scope", "burst")]) as use:
            tries.append(1)
            use.keep()

    threads = [threading.Thread(target=fail) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 second"),
        (1, "1 second"),
        (45, "45 seconds"),
        (120, "2 minutes"),
        (121, "3 minutes"),
        (3600, "1 hour"),
        (12_000, "3 hours 20 minutes"),
    ],
)
def test_a_refusal_says_in_words_how_long_to_wait(seconds: int, words: str) -> None:
    error = RateLimited(retry_after=seconds)
    assert error.message == f"Too many requests. Try again in {words}."
