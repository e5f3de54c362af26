"""Only what was done counts against an action's limit; a request limit counts every request."""

from typing import Any

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient

from soukloop.core.errors import Conflict, RateLimited
from soukloop.core.redis import action_limits, keys
from soukloop.core.redis.action_limits import attempt_scopes, counted_action
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.urls("soukloop.core.tests.urls")
ADDRESS = "ip:127.0.0.1"


@pytest.fixture(autouse=True)
def three_a_minute(settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "test_scope": (3, 60)}
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False


def uses(scope: str, subject: str = ADDRESS) -> int:
    return int(redis_client().zcard(keys.rate_limit(scope, subject)))


def post(outcome: str) -> int:
    client = APIClient(raise_request_exception=False)
    return client.post("/api/v1/test/limited", {"outcome": outcome}).status_code


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "status"), [("refused", 409), ("database lost", 503), ("redis lost", 503), ("crash", 500)]
)
def test_a_refused_or_failed_write_does_not_count_as_an_action_but_as_a_request(
    outcome: str, status: int
) -> None:
    assert [post(outcome) for _ in range(5)] == [status] * 5
    assert (uses("test_scope"), uses("default")) == (0, 5)
    assert [post("done") for _ in range(4)] == [201, 201, 201, 429]


@pytest.mark.django_db
def test_a_refusal_by_the_limit_gives_nothing_back() -> None:
    assert [post("done") for _ in range(5)] == [201, 201, 201, 429, 429]
    assert uses("test_scope") == 3


@pytest.mark.django_db
def test_refused_attempts_count_where_attempts_are_limited_and_failures_of_the_server_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(action_limits, "attempt_scopes", lambda: frozenset({"test_scope"}))
    assert [post("database lost") for _ in range(5)] == [503] * 5
    assert [post("refused") for _ in range(4)] == [409, 409, 409, 429]


def test_guesses_and_uploads_are_limited_by_attempts() -> None:
    assert attempt_scopes() >= {"login_ip", "otp_verify_ip", "password", "refresh", "upload"}
    assert not attempt_scopes() & {"message_send", "stream_chat", "offer_create", "product_write"}


@pytest.mark.parametrize("error", [OperationalError("lost"), Conflict("No."), RateLimited(retry_after=3)])
def test_an_action_of_a_service_that_raises_does_not_count(error: Exception) -> None:
    for _ in range(5):
        with pytest.raises(type(error)), counted_action("test_scope", 1):
            raise error
    for _ in range(3):
        with counted_action("test_scope", 1):
            pass
    assert uses("test_scope", "user:1") == 3
    with pytest.raises(RateLimited), counted_action("test_scope", 1):
        pass


def test_an_action_is_allowed_while_redis_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unavailable:
        def eval(self, *args: Any) -> None:
            raise RedisConnectionError("refused")

    monkeypatch.setattr(action_limits, "redis_client", Unavailable)
    for _ in range(10):
        with counted_action("test_scope", 1):
            pass


def test_a_use_that_redis_cannot_give_back_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaving:
        def eval(self, *args: Any) -> list[int]:
            return [0, 3, 2, 60_000]

        def zrem(self, *args: Any) -> None:
            raise RedisConnectionError("refused")

    monkeypatch.setattr(action_limits, "redis_client", Leaving)
    with pytest.raises(Conflict), counted_action("test_scope", 1):
        raise Conflict("No.")
