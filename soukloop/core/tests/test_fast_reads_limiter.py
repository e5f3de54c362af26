"""The limiter of fast reads: batched counting, remembered refusals, and a Redis that is unavailable."""

import asyncio
import time
from typing import Any

import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from soukloop.core.errors import RateLimited
from soukloop.core.fast_reads import limiter
from soukloop.core.fast_reads.limiter import AsyncRateLimiter
from soukloop.core.redis import client as redis_module
from soukloop.core.redis import keys
from soukloop.core.redis.client import redis_client


@pytest.fixture(autouse=True)
def three_a_minute(settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "test_scope": (3, 60)}
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False


async def passes(counter: AsyncRateLimiter, scopes: list[str], ip: str) -> bool:
    try:
        await counter.count(scopes, user_id=None, ip=ip)
    except RateLimited:
        return False
    return True


REDIS_TIMEOUT = 1.0  # seconds


class Watched:
    """A client of Redis that notes how many logs each call counts in, and can hang."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.hangs = False

    async def eval(self, script: str, number_of_keys: int, *arguments: Any) -> Any:
        self.calls.append(number_of_keys)
        if self.hangs:
            await asyncio.sleep(REDIS_TIMEOUT)
            raise RedisTimeoutError("hangs")
        return await redis_module.async_redis_client().eval(script, number_of_keys, *arguments)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    client = Watched()
    monkeypatch.setattr(limiter, "async_redis_client", lambda: client)
    return client


async def test_simultaneous_hits_on_an_event_loop_are_counted_in_one_call(watched: Watched) -> None:
    counter = AsyncRateLimiter()
    one = [passes(counter, ["test_scope"], "203.0.113.1") for _ in range(10)]
    two = [passes(counter, ["default", "test_scope"], "203.0.113.2") for _ in range(10)]
    passed = await asyncio.gather(*one, *two)
    assert (sum(passed[:10]), sum(passed[10:])) == (3, 3)
    assert watched.calls == [30]
    assert not await passes(counter, ["test_scope"], "203.0.113.1")
    assert await passes(counter, ["default"], "203.0.113.1")
    assert watched.calls == [30, 1]
    assert redis_client().zcard(keys.rate_limit("default", "ip:203.0.113.2")) == 10


async def test_a_redis_that_hangs_is_waited_for_once_and_retried_later(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "_REDIS_RETRY_SECONDS", 1.5)
    counter = AsyncRateLimiter()
    watched.hangs = True
    started = time.monotonic()
    first = [asyncio.create_task(passes(counter, ["test_scope"], f"203.0.113.{n}")) for n in range(5)]
    await asyncio.sleep(0.1)
    meanwhile = [asyncio.create_task(passes(counter, ["test_scope"], f"198.51.100.{n}")) for n in range(250)]
    assert all(await asyncio.gather(*first, *meanwhile))
    assert time.monotonic() - started < 2 * REDIS_TIMEOUT  # one time limit, not one for each batch
    assert [await passes(counter, ["test_scope"], "203.0.113.7") for _ in range(9)] == [True] * 9
    assert watched.calls == [5]
    await asyncio.sleep(1.5)
    probe = asyncio.create_task(passes(counter, ["test_scope"], "203.0.113.7"))
    await asyncio.sleep(0.1)
    assert await passes(counter, ["test_scope"], "203.0.113.8")
    assert not probe.done()
    assert await probe
    watched.hangs = False
    await asyncio.sleep(1.6)
    passed = [await passes(counter, ["test_scope"], "203.0.113.7") for _ in range(5)]
    assert passed == [True, True, True, False, False]
    assert watched.calls == [5, 1, 1, 1, 1, 1]


async def test_the_number_of_remembered_refusals_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "_REFUSALS_MAX", 2)
    counter = AsyncRateLimiter()
    for last in range(5):
        for _ in range(4):
            await passes(counter, ["test_scope"], f"203.0.113.{last}")
    assert len(counter._refused_until) == 2
    counter._refused_until = dict.fromkeys(counter._refused_until, (0.0, 3))  # their wait is over
    assert not await passes(counter, ["test_scope"], "203.0.113.4")
    assert len(counter._refused_until) == 1
