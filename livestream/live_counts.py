"""What Redis counts while a stream is live: viewers, emoji, the last messages. None of it is the truth."""

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

# How many came and went in this second or the one before, whichever is more, and whether these are the first
# of this second. The key holds the second and both counts.
_MOVES = """
local function count_moves(key, now, more)
  local second, count, before = string.match(redis.call('GET', key) or '0 0 0', '(%d+) (%d+) (%d+)')
  if tonumber(second) == now - 1 then count, before = 0, count
  elseif tonumber(second) ~= now then count, before = 0, 0 end
  redis.call('SET', key, now .. ' ' .. count + more .. ' ' .. before, 'PX', 3000)
  return math.max(count + more, before), tonumber(count) == 0 and 1 or 0
end
"""

# KEYS: viewers, viewer connections, unique viewers, counted since, moves. ARGV: ttl in seconds, then
# `user:connection`s. Redis' own clock: the processes' clocks differ. Answers whose first connection each of
# them is, how many people there are, what `count_moves` says, and for how many seconds Redis has counted
# them: -1 is from the start.
_SEEN = (
    _MOVES
    + """
local now = tonumber(redis.call('TIME')[1])
local came = {}
for i = 2, #ARGV do
  local user = string.sub(ARGV[i], 1, 36)
  if redis.call('ZADD', KEYS[1], now, ARGV[i]) == 1 then
    if redis.call('HINCRBY', KEYS[2], user, 1) == 1 then came[#came + 1] = ARGV[i] end
    redis.call('SADD', KEYS[3], user)
  end
end
redis.call('SET', KEYS[4], now, 'NX')
for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
local since = tonumber(redis.call('GET', KEYS[4]))
local moves, is_first = count_moves(KEYS[#KEYS], now, #came)
return {came, redis.call('HLEN', KEYS[2]), moves, is_first, since == 0 and -1 or now - since}
"""
)

# KEYS: viewers, viewer connections, counted since, moves. ARGV: members. Answers as above, of who went.
_GONE = (
    _MOVES
    + """
local now = tonumber(redis.call('TIME')[1])
local since = tonumber(redis.call('GET', KEYS[3]) or now)
local went = {}
for i = 1, #ARGV do
  local user = string.sub(ARGV[i], 1, 36)
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    if redis.call('HINCRBY', KEYS[2], user, -1) <= 0 then
      redis.call('HDEL', KEYS[2], user)
      went[#went + 1] = ARGV[i]
    end
  end
end
local moves, is_first = count_moves(KEYS[#KEYS], now, #went)
return {went, redis.call('HLEN', KEYS[2]), moves, is_first, since == 0 and -1 or now - since}
"""
)

# KEYS: reactions. ARGV: emoji, ttl in seconds, then emoji and count as PostgreSQL has them, should Redis have
# forgotten. Answers -1 when it has and was told nothing.
_REACT = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  if #ARGV == 2 then return -1 end
  for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
"""

# KEYS: chat. ARGV: seq, message as JSON, how many are kept. Answers 0 when the list doesn't end just before.
_SAID = """
local head = redis.call('LINDEX', KEYS[1], 0)
local seq = tonumber(ARGV[1])
if head and cjson.decode(head).seq ~= seq - 1 or not head and seq ~= 1 then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[2])
redis.call('LTRIM', KEYS[1], 0, ARGV[3] - 1)
return 1
"""

_LONGEST_STREAM = 7 * 24 * 3600  # no key outlives a stream for ever, should its end be missed
_CHUNK = 1000
_HEARTBEATS_TOLD = 1.5  # after so many, every process has said who is there


@dataclass(frozen=True)
class Presence:
    """Who came or went (`user:connection`), how many are there now, how many come and go in a second.

    `is_first`: these are the first of this second. `viewers` is None when Redis couldn't say. `is_young`:
    Redis counts since so short a time that not every process's heartbeat may have told it who is there.
    """

    changed: list[str]
    viewers: int | None
    moves: int = 0
    is_first: bool = True
    is_young: bool = False


def member(user_id: UUID | str, connection_id: str) -> str:
    return f"{user_id}:{connection_id}"


def seen(stream_id: UUID | str, members: Iterable[str]) -> Presence:
    """Note that these viewers' connections are alive; `changed` are those whose people were not there yet."""
    names = [
        keys.stream_viewers(stream_id),
        keys.stream_viewer_connections(stream_id),
        keys.stream_unique_viewers(stream_id),
        keys.stream_counted_since(stream_id),
        keys.stream_moves(stream_id),
    ]
    return _presence(_SEEN, names, list(members), [_LONGEST_STREAM])


def gone(stream_id: UUID | str, members: Iterable[str]) -> Presence:
    """Forget these viewers' connections."""
    names = [
        keys.stream_viewers(stream_id),
        keys.stream_viewer_connections(stream_id),
        keys.stream_counted_since(stream_id),
        keys.stream_moves(stream_id),
    ]
    return _presence(_GONE, names, list(members), [])


def begin(stream_id: UUID | str) -> None:
    """Note that viewers are counted from the stream's beginning on; unnoted, Redis must have forgotten."""
    try:
        redis_client().set(keys.stream_counted_since(stream_id), 0, ex=_LONGEST_STREAM)
    except RedisError as error:
        logger.warning("the beginning of stream %s not noted: %s", stream_id, error)


def connections(stream_id: UUID | str) -> dict[str, float]:
    """Return `user:connection` → Unix time when last heard of; raises RedisError."""
    scored: Any = redis_client().zrange(keys.stream_viewers(stream_id), 0, -1, withscores=True)
    return {name.decode(): score for name, score in scored}


def server_time() -> float:
    """Return Redis' clock, by which viewers are scored; raises RedisError."""
    seconds, microseconds = redis_client().time()
    return seconds + microseconds / 1e6


def viewers(stream_id: UUID | str) -> int | None:
    """Return how many people are there; None when Redis is away."""
    try:
        return int(redis_client().hlen(keys.stream_viewer_connections(stream_id)))
    except RedisError:
        return None


def now_watching(stream_id: UUID | str) -> Presence:
    """Return how many people are there, and whether Redis has forgotten some a moment ago."""
    try:
        with redis_client().pipeline() as pipeline:
            pipeline.hlen(keys.stream_viewer_connections(stream_id))
            pipeline.get(keys.stream_counted_since(stream_id))
            pipeline.time()
            count, since, (now, _) = pipeline.execute()
    except RedisError:
        return Presence([], None)
    counted_for = -1 if since == b"0" else now - int(since or now)
    return Presence([], count, is_young=_is_young(counted_for))


def react(stream_id: UUID | str, emoji: str, known: Mapping[str, int] | None = None) -> int | None:
    """Count one reaction and return the emoji's total; None when Redis must first be told what is `known`.

    Raises RedisError.
    """
    base = [value for pair in (known or {}).items() for value in pair] or ([emoji, 0] if known == {} else [])
    arguments = [emoji, _LONGEST_STREAM, *base]
    total = int(redis_client().eval(_REACT, 1, keys.stream_reactions(stream_id), *arguments))
    return None if total < 0 else total


def reactions(stream_id: UUID | str) -> dict[str, int]:
    """Return emoji → count; empty when Redis has forgotten or is away."""
    try:
        counted: Any = redis_client().hgetall(keys.stream_reactions(stream_id))
    except RedisError as error:
        logger.warning("reactions of stream %s not read: %s", stream_id, error)
        return {}
    return {emoji.decode(): int(count) for emoji, count in counted.items()}


def said(stream_id: UUID | str, seq: int, message: bytes) -> bool:
    """Put a chat message on top of the last ones; False when the list has a gap and must be filled anew."""
    arguments = (seq, message, settings.STREAM_CHAT_HISTORY)
    return bool(redis_client().eval(_SAID, 1, keys.stream_chat(stream_id), *arguments))


def refill_chat(stream_id: UUID | str, newest_first: list[bytes]) -> None:
    """Replace the list of the last chat messages."""
    with redis_client().pipeline() as pipeline:
        pipeline.delete(keys.stream_chat(stream_id))
        if newest_first:
            pipeline.rpush(keys.stream_chat(stream_id), *newest_first)
            pipeline.expire(keys.stream_chat(stream_id), _LONGEST_STREAM)
        pipeline.execute()


def last_messages(stream_id: UUID | str) -> list[bytes]:
    """Return the last chat messages as JSON, newest first; raises RedisError."""
    messages: Any = redis_client().lrange(keys.stream_chat(stream_id), 0, -1)
    return list(messages)


def expire(stream_id: UUID | str) -> None:
    """Let go of a stream that is over: nobody is there any more, its counters stay readable for a while."""
    try:
        with redis_client().pipeline() as pipeline:
            for name in (keys.stream_viewers, keys.stream_viewer_connections, keys.stream_counted_since):
                pipeline.delete(name(stream_id))
            for name in (keys.stream_unique_viewers, keys.stream_chat, keys.stream_reactions):
                pipeline.expire(name(stream_id), settings.STREAM_COUNTERS_KEPT_FOR)
            pipeline.execute()
    except RedisError as error:
        logger.warning("counters of stream %s not let go of: %s", stream_id, error)


def _presence(script: str, names: list[str], members: list[str], leading: list[int]) -> Presence:
    changed: list[str] = []
    there, moves, is_first, counted_for = None, 0, 1, -1
    try:
        for start in range(0, len(members), _CHUNK):
            chunk = members[start : start + _CHUNK]
            arguments = (*names, *leading, *chunk)
            answer = redis_client().eval(script, len(names), *arguments)
            names_changed, there, moves, is_first, counted_for = answer
            changed += [name.decode() for name in names_changed]
    except RedisError as error:
        logger.warning("viewers not counted: %s", error)
        return Presence(changed, None)
    return Presence(changed, there, moves, bool(is_first), _is_young(counted_for))


def _is_young(counted_for: int) -> bool:
    return 0 <= counted_for <= (_HEARTBEATS_TOLD * settings.SOCKET_HEARTBEAT).total_seconds()
