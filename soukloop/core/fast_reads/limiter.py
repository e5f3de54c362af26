"""Rate limits on an event loop: counted while rows are read, simultaneous requests in one call of Redis."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Sequence

from redis.exceptions import RedisError

from soukloop.core.batching import AsyncBatcher
from soukloop.core.redis.client import async_redis_client
from soukloop.core.redis.rate_limits import (
    Hit,
    Verdict,
    raise_if_limited,
    read_verdicts,
    script_arguments,
    subject_of,
)

logger = logging.getLogger(__name__)

_REDIS_RETRY_SECONDS = 1.0  # until Redis is tried again after it failed
_REFUSALS_MAX = 10_000  # that one process remembers


class AsyncRateLimiter:
    """Count hits in the same logs as `soukloop.core.redis.rate_limits`.

    Refusals are remembered until their wait is over, so that a flood of requests costs neither Redis nor
    PostgreSQL anything. Nothing leaves a log before that, so Redis would answer the same.

    While Redis is unavailable nobody new is refused. Only the requests that notice it wait for Redis's time
    limit; later ones pass uncounted, but for one a second that tries it again.
    """

    def __init__(self) -> None:
        self._count_batched: AsyncBatcher[Hit, Verdict | None] = AsyncBatcher(self._count)
        self._refused_until: dict[Hit, tuple[float, int]] = {}  # and the limit that is used up
        self._unavailable_until = 0.0

    def count(self, scopes: Sequence[str], *, user_id: object, ip: str) -> Awaitable[Verdict | None]:
        """Send the hit of a user, or of an address where nobody is logged in; await Redis's verdict.

        None if it wasn't counted. The call raises RateLimited for a refusal that is remembered, awaiting it
        for a new one.
        """
        subject = subject_of(user_id, ip)
        if subject is None:
            return asyncio.sleep(0)
        hit = (tuple(scopes), subject)
        now = time.monotonic()
        if hit in self._refused_until:
            until, limit = self._refused_until[hit]
            wait_ms = (until - now) * 1000
            raise_if_limited(Verdict(wait_ms, limit, 0, wait_ms))
        if now < self._unavailable_until:
            return asyncio.sleep(0)
        return self._verdict(hit, self._count_batched.submit(hit))

    async def _verdict(self, hit: Hit, counted: "asyncio.Future[Verdict | None]") -> Verdict | None:
        verdict = await counted
        if verdict is not None and verdict.wait_ms:
            self._remember(hit, verdict)
            raise_if_limited(verdict)
        return verdict

    def _remember(self, hit: Hit, verdict: Verdict) -> None:
        now = time.monotonic()
        if len(self._refused_until) >= _REFUSALS_MAX:
            refused = self._refused_until.items()
            self._refused_until = {each: (until, limit) for each, (until, limit) in refused if until > now}
        if len(self._refused_until) < _REFUSALS_MAX:
            self._refused_until[hit] = now + verdict.wait_ms / 1000, verdict.limit

    async def _count(self, hits: Sequence[Hit]) -> list[Verdict | None]:
        if time.monotonic() < self._unavailable_until:  # these came while the failure was noticed
            return [None] * len(hits)
        if self._unavailable_until:  # these try Redis again, and nobody else waits with them
            self._unavailable_until = math.inf
        try:
            reply: list[int] = await async_redis_client().eval(*script_arguments(hits))
        except RedisError as error:
            self._unavailable_until = time.monotonic() + _REDIS_RETRY_SECONDS
            logger.warning("%d hits not counted: %s", len(hits), error)
            return [None] * len(hits)
        self._unavailable_until = 0.0
        return [*read_verdicts(reply)]
