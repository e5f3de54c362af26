"""How often somebody may do a thing: counted in Redis, in one atomic step."""

import asyncio
import ipaddress
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Sequence
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from soukloop.core.batching import AsyncBatcher
from soukloop.core.domain import domain_apps
from soukloop.core.errors import RateLimited
from soukloop.core.http.requests import client_ip
from soukloop.core.redis import keys
from soukloop.core.redis.client import async_redis_client, redis_client

logger = logging.getLogger(__name__)

Use = tuple[tuple[str, ...], str]  # the scopes that one hit counts in, and who it is

# A log of hits, so "10 a minute" means any 60 seconds, not a clock's minute that lets 20 through at its turn.
# Redis' own clock: web processes' clocks differ. ARGV, for each use: an id for the hit, the number of its
# scopes, then window and limit of each; KEYS are theirs in the same order. A use stops at its first scope
# that is used up. Answers, for each use, the milliseconds to wait; 0 when all counted.
HIT_SCRIPT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local waits, at, key = {}, 1, 0
while ARGV[at] do
  local id, scopes, wait = ARGV[at], tonumber(ARGV[at + 1]), 0
  for i = 1, scopes do
    local log, window, limit = KEYS[key + i], tonumber(ARGV[at + 2 * i]), tonumber(ARGV[at + 2 * i + 1])
    redis.call('ZREMRANGEBYSCORE', log, '-inf', ms - window)
    if redis.call('ZCARD', log) >= limit then
      local oldest = redis.call('ZRANGE', log, 0, 0, 'WITHSCORES')
      wait = math.max(1, tonumber(oldest[2]) + window - ms)
      break
    end
    redis.call('ZADD', log, ms, id)
    redis.call('PEXPIRE', log, window)
  end
  waits[#waits + 1] = wait
  at, key = at + 2 + 2 * scopes, key + scopes
end
return waits
"""
_REDIS_RETRY_SECONDS = 1.0  # seconds until Redis, which was away, is asked again
_REFUSED_MAX = 10_000  # of those who are refused now, how many one process remembers


def hit(scope: str, who: str) -> None:
    """Count one use of `scope` by `who`, or raise RateLimited with the wait."""
    hit_all([scope], who)


def hit_all(scopes: Sequence[str], who: str) -> None:
    """Count one use of each scope by `who` in one step, or raise RateLimited with the wait.

    When Redis is away nobody is refused: a marketplace that is open beats one that is fair. What must hold
    without Redis (guesses at a one-time code) is counted in PostgreSQL.
    """
    try:
        [wait_ms] = redis_client().eval(*_arguments([(tuple(scopes), who)]))
    except RedisError as error:
        logger.warning("rate limit %s not counted: %s", ", ".join(scopes), error)
    else:
        _raise_if_limited(wait_ms)


class HitsOnLoop:
    """Counts hits while an event loop goes on with what they are hits of; those of one moment in one step.

    Who is refused is remembered for as long: a flood costs neither Redis nor what is read meanwhile. Nothing
    leaves the log before the time they were told, so Redis would say the same, if it still has the log.

    While Redis is away nobody new is refused, and nobody waits for it but those who come while its absence is
    noticed: after that it is asked once a second, and whoever comes meanwhile isn't counted.
    """

    def __init__(self) -> None:
        self._together: AsyncBatcher[Use, int] = AsyncBatcher(self._count)
        self._refused: dict[Use, float] = {}
        self._away_until = 0.0

    def begin(self, scopes: Sequence[str], *, user_id: object, ip: str) -> Awaitable[None]:
        """Send the count by user, or by address where nobody is logged in; await whether it was refused.

        Both raise RateLimited: this for those who are known to be refused.
        """
        who = _who(user_id, ip)
        if who is None:
            return asyncio.sleep(0)
        use = (tuple(scopes), who)
        now = time.monotonic()
        _raise_if_limited((self._refused.get(use, now) - now) * 1000)
        if now < self._away_until:
            return asyncio.sleep(0)
        return self._judged(use, self._together.begin(use))

    async def _judged(self, use: Use, counted: "asyncio.Future[int]") -> None:
        wait_ms = await counted
        if wait_ms:
            self._remember(use, wait_ms)
        _raise_if_limited(wait_ms)

    def _remember(self, use: Use, wait_ms: float) -> None:
        now = time.monotonic()
        if len(self._refused) >= _REFUSED_MAX:
            self._refused = {each: until for each, until in self._refused.items() if until > now}
        if len(self._refused) < _REFUSED_MAX:
            self._refused[use] = now + wait_ms / 1000

    async def _count(self, uses: Sequence[Use]) -> list[int]:
        if time.monotonic() < self._away_until:  # they came while it was noticed
            return [0] * len(uses)
        if self._away_until:  # is it back? these ask, and nobody else waits with them
            self._away_until = math.inf
        try:
            waits: list[int] = await async_redis_client().eval(*_arguments(uses))
        except RedisError as error:
            self._away_until = time.monotonic() + _REDIS_RETRY_SECONDS
            logger.warning("%d hits not counted: %s", len(uses), error)
            return [0] * len(uses)
        self._away_until = 0.0
        return waits


def limit_of(scope: str) -> tuple[int, int]:
    """Return (uses, seconds) of a scope: from `settings.RATE_LIMITS`, else as its app declares it."""
    return settings.RATE_LIMITS.get(scope) or declared_limits()[scope]


@cache
def declared_limits() -> dict[str, tuple[int, int]]:
    """Return the limits that the domain apps declare, by scope."""
    return {scope: limit for app in domain_apps() for scope, limit in app.rate_limits.items()}


def _arguments(uses: Sequence[Use]) -> list[Any]:
    logs: list[str] = []
    numbers: list[Any] = []
    for scopes, who in uses:
        numbers += [uuid.uuid4().hex, len(scopes)]
        for scope in scopes:
            limit, seconds = limit_of(scope)
            logs.append(keys.rate_limit(scope, who))
            numbers += [seconds * 1000, limit]
    return [HIT_SCRIPT, len(logs), *logs, *numbers]


def _raise_if_limited(wait_ms: float) -> None:
    if wait_ms > 0:
        raise RateLimited(retry_after=math.ceil(wait_ms / 1000))


def hit_ip(scope: str, ip: str) -> None:
    """Count by address."""
    if who := _who(None, ip):
        hit(scope, who)


def hit_user(scope: str, user_id: object) -> None:
    hit(scope, f"user:{user_id}")


class RateScopeThrottle(BaseThrottle):
    """Count each request in the view's `rate_scope` (a name, or a dict by method) and in `default`."""

    def allow_request(self, request: Request, view: Any) -> bool:
        scope = getattr(view, "rate_scope", None)
        if isinstance(scope, dict):
            scope = scope.get(request.method)
        user_id = request.user.pk if request.user and request.user.is_authenticated else None
        hit_request(["default", scope] if scope else ["default"], user_id=user_id, ip=client_ip(request))
        return True


def hit_request(scopes: Sequence[str], *, user_id: object, ip: str) -> None:
    """Count by user, or by address where nobody is logged in."""
    if who := _who(user_id, ip):
        hit_all(scopes, who)


def _who(user_id: object, ip: str) -> str | None:
    """Name whose use it is; None for a developer's loopback, which is left alone."""
    if user_id is not None:
        return f"user:{user_id}"
    if settings.RATE_LIMIT_EXEMPT_LOOPBACK and _is_loopback(ip):
        return None
    return f"ip:{_subscriber(ip)}"


@lru_cache(maxsize=1024)
def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def _subscriber(ip: str) -> str:
    """An IPv6 subscriber has a whole /64 to come from."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 6:
        return str(ipaddress.ip_network(f"{ip}/64", strict=False).network_address)
    return ip
