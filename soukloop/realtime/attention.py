"""Attention: which rooms people have open, and whose app is in the foreground; kept in Redis per connection.

A connection alone says little, because a phone in a pocket keeps one. Code that decides about a push asks
`attentive_among`. Only rooms of kinds with `tracks_attention` are kept.
"""

import logging
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError

from soukloop.core.redis.client import redis_client
from soukloop.realtime import keys
from soukloop.realtime.rooms import kind_of
from soukloop.realtime.sessions import Attention, Session

logger = logging.getLogger(__name__)

FOREGROUND = "foreground"  # beside the rooms, whose names contain a dot

# KEYS: for each connection, its attention and its user's set of connections. ARGV: TTL in ms; then for each
# connection its id, its version, the number of its fields, and these. An older version than the stored one
# is a heartbeat's that was overtaken by a change.
_RECORD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local next = 2
for i = 1, #KEYS, 2 do
  local connection, version, count = ARGV[next], tonumber(ARGV[next + 1]), tonumber(ARGV[next + 2])
  local stored = redis.call('HGET', KEYS[i], 'version')
  if not stored or tonumber(stored) <= version then
    redis.call('DEL', KEYS[i])
    redis.call('HSET', KEYS[i], 'version', version)
    for field = next + 3, next + 2 + count do redis.call('HSET', KEYS[i], ARGV[field], 1) end
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
    if count > 0 then
      redis.call('ZADD', KEYS[i + 1], now, connection)
      redis.call('PEXPIRE', KEYS[i + 1], ARGV[1] * 2)
    end
  end
  next = next + 3 + count
end
"""


def attentive_among(pairs: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Return the (user id, room) pairs whose user has the room open or the app in the foreground.

    In any process. Returns an empty set while Redis is unavailable: a push too many is better than none.
    """
    try:
        return _read(list(pairs))
    except RedisError as error:
        logger.warning("reading who has a room open failed: %s", error)
        return set()


def enter(session: Session, room: str) -> None:
    """Record that a connection has opened a room, if rooms of this kind are tracked."""
    kind = kind_of(room)
    if kind is not None and kind.tracks_attention and room not in session.attention.rooms:
        _change(session, rooms=session.attention.rooms | {room})


def leave(session: Session, room: str) -> None:
    """Record that a connection has closed a room."""
    if room in session.attention.rooms:
        _change(session, rooms=session.attention.rooms - {room})


def set_foreground(session: Session, *, is_foreground: bool) -> None:
    """Record that a connection's app came to the foreground, or left it."""
    if is_foreground != session.attention.is_foreground:
        _change(session, is_foreground=is_foreground)


def end(session: Session) -> None:
    """Record that a connection was closed."""
    if session.attention.version:
        _change(session, rooms=frozenset(), is_foreground=False)


def renew(sessions: Collection[Session]) -> None:
    """Record again what these connections have open, which also restores data that Redis has lost."""
    tracked = [session for session in sessions if session.attention.version]
    if not tracked:
        return
    try:
        _record(tracked)
    except RedisError as error:
        logger.warning("renewing which rooms are open failed: %s", error)


def _change(
    session: Session, *, rooms: frozenset[str] | None = None, is_foreground: bool | None = None
) -> None:
    # Replaced, not changed, so that a heartbeat on another thread reads a version together with its rooms.
    earlier = session.attention
    session.attention = Attention(
        version=earlier.version + 1,
        rooms=earlier.rooms if rooms is None else rooms,
        is_foreground=earlier.is_foreground if is_foreground is None else is_foreground,
    )
    try:
        _record([session])
    except RedisError as error:  # the next heartbeat records it
        logger.warning("recording which rooms are open failed: %s", error)


def _record(sessions: Collection[Session]) -> None:
    names, arguments = [], [str(int(settings.PRESENCE_TTL.total_seconds() * 1000))]
    for session in sessions:
        attention = session.attention
        fields = [*attention.rooms, *([FOREGROUND] if attention.is_foreground else [])]
        names += [keys.attention(session.connection_id), keys.presence(session.user_id)]
        arguments += [session.connection_id, str(attention.version), str(len(fields)), *fields]
    redis_client().eval(_RECORD, len(names), *names, *arguments)


def _read(pairs: list[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    user_ids = list({user_id for user_id, _ in pairs})
    with redis_client().pipeline(transaction=False) as pipeline:
        for user_id in user_ids:
            pipeline.zrange(keys.presence(user_id), 0, -1)
        connections: dict[UUID, list[bytes]] = dict(zip(user_ids, pipeline.execute(), strict=True))
    asked = [(pair, connection.decode()) for pair in pairs for connection in connections[pair[0]]]
    if not asked:
        return set()
    with redis_client().pipeline(transaction=False) as pipeline:
        for (_, room), connection in asked:
            pipeline.hmget(keys.attention(connection), FOREGROUND, room)
        answers: list[list[Any]] = pipeline.execute()
    return {pair for (pair, _), answer in zip(asked, answers, strict=True) if any(answer)}
