"""Rate limits, counted in Redis by one atomic script."""

import ipaddress
import logging
import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from soukloop.core.domain import domain_apps
from soukloop.core.errors import RateLimited
from soukloop.core.http.envelope import rate_limit_headers
from soukloop.core.http.requests import plain_ip
from soukloop.core.redis import keys
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

Hit = tuple[tuple[str, ...], str]  # the scopes that it counts in, and whose it is

# A log of hits, so that "10 a minute" means any 60 seconds; counting by the clock's minutes would let 20 pass
# around a full one. The time is Redis's own, because the clocks of web processes differ.
# ARGV, for each hit: an id, the number of its scopes, then window and limit of each scope; KEYS are the logs
# of the scopes in the same order. A hit stops at its first scope that is used up.
# Returns four numbers for each hit: the milliseconds to wait, 0 if it was counted in all scopes; then of the
# scope that refuses it, or else of the one with the fewest uses left: its limit, the uses left, and the
# milliseconds until its oldest use is over.
HIT_SCRIPT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local verdicts, at, key = {}, 1, 0
while ARGV[at] do
  local id, scopes, wait = ARGV[at], tonumber(ARGV[at + 1]), 0
  local tightest, tightest_window, tightest_limit, left = nil, 0, 0, math.huge
  for i = 1, scopes do
    local log, window, limit = KEYS[key + i], tonumber(ARGV[at + 2 * i]), tonumber(ARGV[at + 2 * i + 1])
    redis.call('ZREMRANGEBYSCORE', log, '-inf', ms - window)
    local uses = redis.call('ZCARD', log)
    if uses >= limit or limit - uses - 1 < left then
      tightest, tightest_window, tightest_limit, left = log, window, limit, math.max(0, limit - uses - 1)
    end
    if uses >= limit then
      local oldest = redis.call('ZRANGE', log, 0, 0, 'WITHSCORES')
      wait = math.max(1, tonumber(oldest[2]) + window - ms)
      break
    end
    redis.call('ZADD', log, ms, id)
    redis.call('PEXPIRE', log, window)
  end
  local reset = wait
  if wait == 0 then
    local oldest = redis.call('ZRANGE', tightest, 0, 0, 'WITHSCORES')
    reset = math.max(1, tonumber(oldest[2]) + tightest_window - ms)
  end
  for _, number in ipairs({wait, tightest_limit, left, reset}) do
    verdicts[#verdicts + 1] = number
  end
  at, key = at + 2 + 2 * scopes, key + scopes
end
return verdicts
"""


@dataclass
class Reservation:
    """A use of limits that is given back unless it is kept."""

    is_kept: bool = False

    def keep(self) -> None:
        self.is_kept = True


@contextmanager
def reserve(
    uses: Sequence[tuple[str, str]], *, is_exempt: Callable[[str], bool] | None = None
) -> Iterator[Reservation]:
    """Count one use of each (scope, subject) in advance, and give all of them back unless `keep` is called.

    For limits that count failures: a try is counted before its outcome is known, so that parallel tries
    cannot pass a limit together, and a right one counts for nothing. A refusal counts nowhere. A scope that
    is used up refuses unless `is_exempt(scope)`. Raises RateLimited.

    While Redis is unavailable nobody is refused (decision 3). What must hold without Redis, such as guesses
    at a one-time code, is counted in PostgreSQL.
    """
    use_id = uuid.uuid4().hex
    reservation = Reservation()
    counted: list[str] = []
    try:
        for scope, subject in uses:
            limit, seconds = limit_of(scope, subject)
            key = keys.rate_limit(scope, subject)
            wait_ms = _count(scope, [HIT_SCRIPT, 1, key, use_id, 1, seconds * 1000, limit])
            if not wait_ms:
                counted.append(key)
            elif is_exempt is None or not is_exempt(scope):
                raise RateLimited(_("Too many attempts."), retry_after=math.ceil(wait_ms / 1000))
        yield reservation
    finally:
        if not reservation.is_kept:
            _give_back(counted, use_id)


def _count(scope: str, arguments: list[Any]) -> float:
    try:
        [verdict] = read_verdicts(redis_client().eval(*arguments))
    except RedisError as error:
        logger.warning("rate limit %s not counted: %s", scope, error)
        return 0
    return verdict.wait_ms


def _give_back(counted: Sequence[str], use_id: str) -> None:
    try:
        for key in counted:
            redis_client().zrem(key, use_id)
    except RedisError as error:
        logger.warning("a use of a rate limit was not given back: %s", error)


def limit_of(scope: str, subject: str = "") -> tuple[int, int]:
    """Return (uses, seconds) of a scope: from settings, else as its app declares it.

    An address may have a limit of its own, because thousands of people may share it.
    """
    if subject.startswith("ip:") and scope in settings.RATE_LIMITS_BY_ADDRESS:
        by_address: tuple[int, int] = settings.RATE_LIMITS_BY_ADDRESS[scope]
        return by_address
    return settings.RATE_LIMITS.get(scope) or declared_limits()[scope]


@cache
def declared_limits() -> dict[str, tuple[int, int]]:
    """Return the limits that the domain apps declare, by scope."""
    return {scope: limit for app in domain_apps() for scope, limit in app.rate_limits.items()}


def script_arguments(hits: Sequence[Hit], *, use_id: str = "") -> list[Any]:
    """Return the arguments of Redis's EVAL that counts these hits; a single one may be given its id."""
    logs: list[str] = []
    numbers: list[Any] = []
    for scopes, subject in hits:
        numbers += [use_id or uuid.uuid4().hex, len(scopes)]
        for scope in scopes:
            limit, seconds = limit_of(scope, subject)
            logs.append(keys.rate_limit(scope, subject))
            numbers += [seconds * 1000, limit]
    return [HIT_SCRIPT, len(logs), *logs, *numbers]


class Verdict(NamedTuple):
    """What became of a hit: it was counted if there is nothing to wait for.

    The limit, and how many uses are left of it, are of the scope with the fewest left.
    """

    wait_ms: float
    limit: int
    remaining: int
    reset_ms: float

    def headers(self) -> dict[str, str]:
        return rate_limit_headers(self.limit, self.remaining, math.ceil(self.reset_ms / 1000))


def read_verdicts(reply: Sequence[int]) -> list[Verdict]:
    """Return what `HIT_SCRIPT` answered, a verdict for each hit."""
    return [Verdict(*reply[at : at + 4]) for at in range(0, len(reply), 4)]


def raise_if_limited(verdict: Verdict) -> None:
    """Raise RateLimited if there is something to wait for."""
    if verdict.wait_ms > 0:
        raise RateLimited(retry_after=math.ceil(verdict.wait_ms / 1000), limit=verdict.limit)


def subject_of(user_id: object, ip: str) -> str | None:
    """Return whose hits are counted: the user, or the address; None for loopback where that is exempt."""
    if user_id is not None:
        return f"user:{user_id}"
    if settings.RATE_LIMIT_EXEMPT_LOOPBACK and _is_loopback(ip):
        return None
    return f"ip:{network_of(ip)}"


@lru_cache(maxsize=1024)
def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(plain_ip(ip)).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def network_of(ip: str) -> str:
    """Return an IPv4 address as it is, and the /64 of an IPv6 address: one subscriber has all of that."""
    ip = plain_ip(ip)
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 6:
        return str(ipaddress.ip_network(f"{ip}/64", strict=False).network_address)
    return ip
