"""How often somebody may do a thing: counted in Redis, in one atomic step."""

import ipaddress
import logging
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from soukloop.core import keys
from soukloop.core.errors import RateLimited
from soukloop.core.redis import async_redis_client, redis_client
from soukloop.core.requests import client_ip

logger = logging.getLogger(__name__)

# A log of hits, so "10 a minute" means any 60 seconds, not a clock's minute that lets 20 through at its turn.
# Redis' own clock: web processes' clocks differ. ARGV: an id for the hit, then window and limit of each key.
# Stops at the first scope that is used up and answers the milliseconds to wait; 0 when all counted.
_HIT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
for i, key in ipairs(KEYS) do
  local window, limit = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ms - window)
  if redis.call('ZCARD', key) >= limit then
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    return math.max(1, tonumber(oldest[2]) + window - ms)
  end
  redis.call('ZADD', key, ms, ARGV[1])
  redis.call('PEXPIRE', key, window)
end
return 0
"""


def hit(scope: str, who: str) -> None:
    """Count one use of `scope` by `who`, or raise RateLimited with the wait."""
    hit_all([scope], who)


def hit_all(scopes: Sequence[str], who: str) -> None:
    """Count one use of each scope by `who` in one step, or raise RateLimited with the wait.

    When Redis is away nobody is refused: a marketplace that is open beats one that is fair. What must hold
    without Redis (guesses at a one-time code) is counted in PostgreSQL.
    """
    try:
        _judge(redis_client().eval(*_arguments(scopes, who)))
    except RedisError as error:
        logger.warning("rate limit %s not counted: %s", ", ".join(scopes), error)


async def hit_all_async(scopes: Sequence[str], who: str) -> None:
    """Do the same on the event loop."""
    try:
        _judge(await async_redis_client().eval(*_arguments(scopes, who)))
    except RedisError as error:
        logger.warning("rate limit %s not counted: %s", ", ".join(scopes), error)


def _arguments(scopes: Sequence[str], who: str) -> list[Any]:
    limits = [settings.RATE_LIMITS[scope] for scope in scopes]
    return [
        _HIT,
        len(scopes),
        *(keys.rate_limit(scope, who) for scope in scopes),
        uuid.uuid4().hex,
        *(value for limit, seconds in limits for value in (seconds * 1000, limit)),
    ]


def _judge(wait_ms: Any) -> None:
    if wait_ms:
        raise RateLimited(retry_after=-(-int(wait_ms) // 1000))


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


async def hit_request_async(scopes: Sequence[str], *, user_id: object, ip: str) -> None:
    """Do the same on the event loop."""
    if who := _who(user_id, ip):
        await hit_all_async(scopes, who)


def _who(user_id: object, ip: str) -> str | None:
    """Name whose use it is; None for a developer's loopback, which is left alone."""
    if user_id is not None:
        return f"user:{user_id}"
    if settings.RATE_LIMIT_EXEMPT_LOOPBACK and _is_loopback(ip):
        return None
    return f"ip:{_subscriber(ip)}"


def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


def _subscriber(ip: str) -> str:
    """An IPv6 subscriber has a whole /64 to come from."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 6:
        return str(ipaddress.ip_network(f"{ip}/64", strict=False).network_address)
    return ip
