"""Viewers, reactions and the latest chat of live streams in Redis; PostgreSQL is authoritative."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError

from livestream import keys
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

# Lua function: adds joins or leaves to the count of the current second. Returns the churn (the higher count
# of this second and the one before) and whether these are the first of this second. The key holds the second,
# its count, and the count of the second before.
_COUNT_CHURN = """
local function count_churn(key, now, added)
  local second, count, before = string.match(redis.call('GET', key) or '0 0 0', '(%d+) (%d+) (%d+)')
  if tonumber(second) == now - 1 then count, before = 0, count
  elseif tonumber(second) ~= now then count, before = 0, 0 end
  redis.call('SET', key, now .. ' ' .. count + added .. ' ' .. before, 'PX', 3000)
  return math.max(count + added, before), tonumber(count) == 0 and 1 or 0
end
"""

# KEYS: viewers, viewer connections, unique viewers, counted since, churn. ARGV: TTL in seconds, then
# `user:connection`s. Times are read from Redis, because the clocks of the web processes differ. Returns the
# connections of people who weren't watching before, the number of people, the result of `count_churn`, and
# for how many seconds Redis has been counting (-1: since the stream began).
_HEARTBEAT = (
    _COUNT_CHURN
    + """
local now = tonumber(redis.call('TIME')[1])
local joined = {}
for i = 2, #ARGV do
  local user = string.sub(ARGV[i], 1, 36)
  if redis.call('ZADD', KEYS[1], now, ARGV[i]) == 1 then
    if redis.call('HINCRBY', KEYS[2], user, 1) == 1 then joined[#joined + 1] = ARGV[i] end
    if string.sub(user, 1, 6) ~= 'guest-' then redis.call('SADD', KEYS[3], user) end
  end
end
redis.call('SET', KEYS[4], now, 'NX')
for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
local since = tonumber(redis.call('GET', KEYS[4]))
local churn, is_first = count_churn(KEYS[#KEYS], now, #joined)
return {joined, redis.call('HLEN', KEYS[2]), churn, is_first, since == 0 and -1 or now - since}
"""
)

# KEYS: viewers, viewer connections, counted since, churn. ARGV: `user:connection`s. Returns the connections
# of people who have no other one, then the same values as `_HEARTBEAT`.
_REMOVE = (
    _COUNT_CHURN
    + """
local now = tonumber(redis.call('TIME')[1])
local since = tonumber(redis.call('GET', KEYS[3]) or now)
local left = {}
for i = 1, #ARGV do
  local user = string.sub(ARGV[i], 1, 36)
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    if redis.call('HINCRBY', KEYS[2], user, -1) <= 0 then
      redis.call('HDEL', KEYS[2], user)
      left[#left + 1] = ARGV[i]
    end
  end
end
local churn, is_first = count_churn(KEYS[#KEYS], now, #left)
return {left, redis.call('HLEN', KEYS[2]), churn, is_first, since == 0 and -1 or now - since}
"""
)

# KEYS: reactions. ARGV: emoji, TTL in seconds, then pairs of emoji and count from PostgreSQL. Returns -1 if
# Redis has no counts and the arguments contain none.
_COUNT_REACTION = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  if #ARGV == 2 then return -1 end
  for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
"""

# KEYS: chat. ARGV: seq, message as JSON, length of the list. Adds nothing and returns 0 unless the newest
# message in the list is the one before.
_APPEND_CHAT = """
local head = redis.call('LINDEX', KEYS[1], 0)
local seq = tonumber(ARGV[1])
if head and cjson.decode(head).seq ~= seq - 1 or not head and seq ~= 1 then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[2])
redis.call('LTRIM', KEYS[1], 0, ARGV[3] - 1)
return 1
"""

_KEY_TTL_SECONDS = 7 * 24 * 3600  # in case the keys aren't deleted when the stream ends
_SCRIPT_ARGUMENTS_MAX = 1000
_WARM_UP_HEARTBEATS = 1.5  # after this many heartbeats every process has reported its viewers


@dataclass(frozen=True)
class LiveViewers:
    """The viewers of a stream after a change.

    `changed`: the connections (`user:connection`) of people who joined or left by this change.
    `count`: how many people are watching; None when Redis is unavailable.
    `churn_per_second`: how many people join or leave in a second.
    `is_first_this_second`: whether this change is the first of its second.
    `is_warming_up`: whether Redis lost its data so recently that some web processes haven't reported their
    viewers yet.
    """

    changed: list[str]
    count: int | None
    churn_per_second: int = 0
    is_first_this_second: bool = True
    is_warming_up: bool = False


def viewer_key(user_id: UUID | str | None, connection_id: str) -> str:
    """Return a viewer's connection as `user:connection`, the form in which Redis stores it.

    Each connection of a guest, whose `user_id` is None, is a viewer of its own. It has a name as long as a
    user's id, which is not counted among the unique viewers.
    """
    return f"{user_id or f'guest-{connection_id[:30]:-<30}'}:{connection_id}"


def split_viewer_key(key: str) -> tuple[UUID | None, str]:
    """Return the user id, None for a guest, and the connection id of a `viewer_key`."""
    viewer, _, connection_id = key.partition(":")
    return None if viewer.startswith("guest-") else UUID(viewer), connection_id


def record_heartbeat(stream_id: UUID | str, viewer_keys: Iterable[str]) -> LiveViewers:
    """Record that these connections are alive; `changed` are those of people who weren't watching before."""
    names = [
        keys.stream_viewers(stream_id),
        keys.stream_viewer_connections(stream_id),
        keys.stream_unique_viewers(stream_id),
        keys.stream_counted_since(stream_id),
        keys.stream_churn(stream_id),
    ]
    return _run_viewer_script(_HEARTBEAT, names, list(viewer_keys), [_KEY_TTL_SECONDS])


def remove_viewers(stream_id: UUID | str, viewer_keys: Iterable[str]) -> LiveViewers:
    """Remove these viewers' connections; `changed` are those of people who have no other one."""
    names = [
        keys.stream_viewers(stream_id),
        keys.stream_viewer_connections(stream_id),
        keys.stream_counted_since(stream_id),
        keys.stream_churn(stream_id),
    ]
    return _run_viewer_script(_REMOVE, names, list(viewer_keys), [])


def start_counting(stream_id: UUID | str) -> None:
    """Mark that viewers are counted since the stream began; a missing mark means that Redis lost its data."""
    try:
        redis_client().set(keys.stream_counted_since(stream_id), 0, ex=_KEY_TTL_SECONDS)
    except RedisError as error:
        logger.warning("recording the start of counting for stream %s failed: %s", stream_id, error)


def last_heartbeats(stream_id: UUID | str) -> dict[str, float]:
    """Return `user:connection` → Unix time of its last heartbeat; raises RedisError."""
    scored: Any = redis_client().zrange(keys.stream_viewers(stream_id), 0, -1, withscores=True)
    return {name.decode(): score for name, score in scored}


def server_time() -> float:
    """Return the Unix time of Redis' clock, by which heartbeats are timed; raises RedisError."""
    seconds, microseconds = redis_client().time()
    return float(seconds + microseconds / 1e6)


def viewer_count(stream_id: UUID | str) -> int | None:
    """Return how many people are watching; None when Redis is unavailable."""
    try:
        return int(redis_client().hlen(keys.stream_viewer_connections(stream_id)))
    except RedisError:
        return None


def current_viewers(stream_id: UUID | str) -> LiveViewers:
    """Return how many people are watching, and whether Redis is still warming up after losing its data."""
    try:
        with redis_client().pipeline() as pipeline:
            pipeline.hlen(keys.stream_viewer_connections(stream_id))
            pipeline.get(keys.stream_counted_since(stream_id))
            pipeline.time()
            count, since, (now, _) = pipeline.execute()
    except RedisError:
        return LiveViewers([], None)
    seconds_counted = -1 if since == b"0" else now - int(since or now)
    return LiveViewers([], count, is_warming_up=_is_warming_up(seconds_counted))


def count_reaction(stream_id: UUID | str, emoji: str, saved: Mapping[str, int] | None = None) -> int | None:
    """Count one reaction and return the emoji's total.

    Counts nothing and returns None if Redis has lost its counts: then call again with the `saved` ones.
    Raises RedisError.
    """
    base = [value for pair in (saved or {}).items() for value in pair] or ([emoji, 0] if saved == {} else [])
    arguments = [emoji, _KEY_TTL_SECONDS, *base]
    total = int(redis_client().eval(_COUNT_REACTION, 1, keys.stream_reactions(stream_id), *arguments))
    return None if total < 0 else total


def reactions(stream_id: UUID | str) -> dict[str, int]:
    """Return emoji → count; empty when Redis has lost its data or is unavailable."""
    try:
        counted: Any = redis_client().hgetall(keys.stream_reactions(stream_id))
    except RedisError as error:
        logger.warning("reading the reactions of stream %s failed: %s", stream_id, error)
        return {}
    return {emoji.decode(): int(count) for emoji, count in counted.items()}


def append_chat(stream_id: UUID | str, seq: int, message: bytes) -> bool:
    """Add a message to the latest chat; return False if the list would have a gap and must be replaced."""
    arguments = (seq, message, settings.STREAM_CHAT_HISTORY)
    return bool(redis_client().eval(_APPEND_CHAT, 1, keys.stream_chat(stream_id), *arguments))


def replace_chat(stream_id: UUID | str, newest_first: list[bytes]) -> None:
    """Replace the latest chat; raises RedisError."""
    with redis_client().pipeline() as pipeline:
        pipeline.delete(keys.stream_chat(stream_id))
        if newest_first:
            pipeline.rpush(keys.stream_chat(stream_id), *newest_first)
            pipeline.expire(keys.stream_chat(stream_id), _KEY_TTL_SECONDS)
        pipeline.execute()


def latest_chat(stream_id: UUID | str) -> list[bytes]:
    """Return the latest chat messages as JSON, newest first; raises RedisError."""
    messages: Any = redis_client().lrange(keys.stream_chat(stream_id), 0, -1)
    return list(messages)


def stop_counting(stream_id: UUID | str) -> None:
    """Remove the viewers of an ended stream; keep its totals for STREAM_COUNTERS_KEPT_FOR."""
    try:
        with redis_client().pipeline() as pipeline:
            for key in (keys.stream_viewers, keys.stream_viewer_connections, keys.stream_counted_since):
                pipeline.delete(key(stream_id))
            for key in (keys.stream_unique_viewers, keys.stream_chat, keys.stream_reactions):
                pipeline.expire(key(stream_id), settings.STREAM_COUNTERS_KEPT_FOR)
            pipeline.execute()
    except RedisError as error:
        logger.warning("removing the counters of ended stream %s failed: %s", stream_id, error)


def _run_viewer_script(
    script: str, names: list[str], viewer_keys: list[str], leading: list[int]
) -> LiveViewers:
    changed: list[str] = []
    count, churn, is_first, seconds_counted = None, 0, 1, -1
    try:
        for start in range(0, len(viewer_keys), _SCRIPT_ARGUMENTS_MAX):
            chunk = viewer_keys[start : start + _SCRIPT_ARGUMENTS_MAX]
            arguments = (*names, *leading, *chunk)
            answer = redis_client().eval(script, len(names), *arguments)
            changed_in_chunk, count, churn, is_first, seconds_counted = answer
            changed += [name.decode() for name in changed_in_chunk]
    except RedisError as error:
        logger.warning("counting viewers failed: %s", error)
        return LiveViewers(changed, None)
    return LiveViewers(changed, count, churn, bool(is_first), _is_warming_up(seconds_counted))


def _is_warming_up(seconds_counted: int) -> bool:
    return 0 <= seconds_counted <= (_WARM_UP_HEARTBEATS * settings.SOCKET_HEARTBEAT).total_seconds()
