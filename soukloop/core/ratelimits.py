"""How often somebody may do a thing: counted in Redis, in one atomic step."""

import ipaddress
import logging
import uuid
from typing import Any

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from soukloop.core import keys
from soukloop.core.errors import RateLimited
from soukloop.core.redis import redis_client
from soukloop.core.requests import client_ip

logger = logging.getLogger(__name__)

# A log of hits, so "10 a minute" means any 60 seconds, not a clock's minute that lets 20 through at its turn.
# Redis' own clock: web processes' clocks differ. Answers the milliseconds to wait, 0 when the hit counted.
_HIT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local window, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - window)
if redis.call('ZCARD', KEYS[1]) >= limit then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, tonumber(oldest[2]) + window - ms)
end
redis.call('ZADD', KEYS[1], ms, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return 0
"""


def hit(scope: str, who: str) -> None:
    """Count one use of `scope` by `who`, or raise RateLimited with the wait.

    When Redis is away nobody is refused: a marketplace that is open beats one that is fair. What must hold
    without Redis (guesses at a one-time code) is counted in PostgreSQL.
    """
    limit, seconds = settings.RATE_LIMITS[scope]
    try:
        client = redis_client()
        wait_ms = client.eval(_HIT, 1, keys.rate_limit(scope, who), seconds * 1000, limit, uuid.uuid4().hex)
    except RedisError as error:
        logger.warning("rate limit %s not counted: %s", scope, error)
        return
    if wait_ms:
        raise RateLimited(retry_after=-(-int(wait_ms) // 1000))


def hit_ip(scope: str, ip: str) -> None:
    """Count by address; a developer's loopback is left alone."""
    if settings.RATE_LIMIT_EXEMPT_LOOPBACK and _is_loopback(ip):
        return
    hit(scope, f"ip:{_subscriber(ip)}")


def hit_user(scope: str, user_id: object) -> None:
    hit(scope, f"user:{user_id}")


def hit_request(scope: str, request: Request) -> None:
    """Count by user, or by address where nobody is logged in."""
    if request.user and request.user.is_authenticated:
        hit_user(scope, request.user.pk)
    else:
        hit_ip(scope, client_ip(request))


class RateScopeThrottle(BaseThrottle):
    """Count each request in the view's `rate_scope` (a name, or a dict by method) and in `default`."""

    def allow_request(self, request: Request, view: Any) -> bool:
        hit_request("default", request)
        scope = getattr(view, "rate_scope", None)
        if isinstance(scope, dict):
            scope = scope.get(request.method)
        if scope:
            hit_request(scope, request)
        return True


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
