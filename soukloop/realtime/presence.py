"""Presence: which users are online, kept in Redis and renewed by heartbeats, and the events about it."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from redis.exceptions import RedisError

from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.hooks import Hook
from soukloop.core.redis.client import redis_client
from soukloop.realtime import keys
from soukloop.realtime.builtin_events import USER_OFFLINE, USER_ONLINE
from soukloop.realtime.events import EventSpec, publish
from soukloop.realtime.rooms import user_room

logger = logging.getLogger(__name__)

contacts: Hook[[Collection[UUID]], Iterable[tuple[UUID, UUID]]] = Hook()
"""`callback(user_ids)`: (user id, contact id) pairs; the contact is notified about the user's presence."""


class Connection(Protocol):
    """What presence needs of a connection."""

    @property
    def user_id(self) -> UUID: ...
    @property
    def username(self) -> str: ...
    @property
    def connection_id(self) -> str: ...


# Redis's own clock, because the clocks of web processes differ.
_NOW = "local time = redis.call('TIME'); local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
# KEYS: presence, online_users, then each connection's user's set of connections. ARGV: TTL in ms, then each
# connection's user id and its own id. Returns, for each connection, whether it is its user's first.
_RENEW = (
    _NOW
    + """
local are_first = {}
for i = 1, #KEYS - 2 do
  local user, connection = ARGV[2 * i], ARGV[2 * i + 1]
  redis.call('ZADD', KEYS[i + 2], now, connection)
  redis.call('PEXPIRE', KEYS[i + 2], ARGV[1] * 2)
  redis.call('ZADD', KEYS[1], now, user)
  are_first[i] = redis.call('SADD', KEYS[2], user)
end
return are_first
"""
)
# KEYS: the user's connections, presence, online_users, last_seen. ARGV: user id, connection id, TTL in ms.
# Returns 1 when the user has gone offline.
_REMOVE = (
    _NOW
    + """
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
if redis.call('ZCARD', KEYS[1]) > 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[4], now, ARGV[1])
return redis.call('SREM', KEYS[3], ARGV[1])
"""
)
# KEYS: presence, online_users, last_seen. ARGV: TTL in ms, for how long to keep when people were last seen.
# Returns the expired users, each to only one of the processes.
_EXPIRE = (
    _NOW
    + """
local expired = {}
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[2])
for _, user in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, 500)) do
  redis.call('ZADD', KEYS[3], redis.call('ZSCORE', KEYS[1], user), user)
  redis.call('ZREM', KEYS[1], user)
  if redis.call('SREM', KEYS[2], user) == 1 then expired[#expired + 1] = user end
end
return expired
"""
)


@dataclass(frozen=True)
class Seen:
    """Whether a user is online; `last_at` is when an offline one was last connected, if that is known."""

    is_online: bool = False
    last_at: datetime | None = None


NEVER_SEEN = Seen()


def seen_among(user_ids: Iterable[UUID]) -> dict[UUID, Seen]:
    """Return which users are online and when the others were last seen, in one round trip.

    Those of whom nothing is known are left out; all of them while Redis is unavailable.
    """
    ids = {str(user_id): user_id for user_id in user_ids}
    if not ids:
        return {}
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            pipeline.smismember(keys.ONLINE_USERS, list(ids))
            pipeline.zmscore(keys.LAST_SEEN, list(ids))
            flags, times = pipeline.execute()
    except RedisError:
        return {}
    return {
        user_id: Seen(True) if is_online else Seen(last_at=datetime.fromtimestamp(time / 1000, UTC))
        for user_id, is_online, time in zip(ids.values(), flags, times, strict=True)
        if is_online or time is not None
    }


def connected_among(user_ids: Iterable[UUID]) -> set[UUID]:
    """Return the users who have a connection in any process at this moment; raises RedisError.

    Unlike `seen_among`, this excludes users of a killed process immediately, because Redis drops the
    process's subscriptions with its connection. Only the loss of a whole machine is left to heartbeats.
    """
    layer = get_channel_layer()
    channels = {layer.redis_channel(user_room(user_id)).encode(): user_id for user_id in user_ids}
    counted: Any = redis_client().pubsub_numsub(*channels)
    return {channels[channel] for channel, subscribed in counted if subscribed}


def add_connections(connections: Collection[Connection]) -> None:
    """Record new connections; publish `user:online` for users without an earlier one."""
    try:
        are_first = _renew(connections)
    except RedisError as error:
        logger.warning("recording presence failed: %s", error)
        return
    pairs = zip(connections, are_first, strict=True)
    _notify_contacts(USER_ONLINE, {each.user_id: each.username for each, is_first in pairs if is_first})


def remove_connection(connection: Connection) -> None:
    """Record that a connection was closed; publish `user:offline` if it was the user's last."""
    arguments = (str(connection.user_id), connection.connection_id, _ttl_ms())
    try:
        was_last = redis_client().eval(_REMOVE, 4, *_keys(connection.user_id), *arguments)
    except RedisError as error:
        logger.warning("recording a disconnect failed: %s", error)
        return
    if was_last:
        _notify_contacts(USER_OFFLINE, {connection.user_id: connection.username})


def renew_connections(connections: Collection[Connection]) -> None:
    """Record that these connections are open, which also restores data that Redis has lost."""
    try:
        _renew(connections)
    except RedisError as error:
        logger.warning("renewing presence failed: %s", error)


def expire_silent_users() -> None:
    """Mark as offline the users without a heartbeat for PRESENCE_TTL, because their process was killed."""
    try:
        names = (keys.PRESENCE, keys.ONLINE_USERS, keys.LAST_SEEN)
        kept_for = int(settings.LAST_SEEN_KEPT_FOR.total_seconds() * 1000)
        expired = redis_client().eval(_EXPIRE, 3, *names, _ttl_ms(), kept_for)
    except RedisError as error:
        logger.warning("presence sweep failed: %s", error)
        return
    if expired:
        ids = [UUID(raw.decode()) for raw in expired]
        users = get_user_model().objects.filter(pk__in=ids).values_list("pk", "username")
        _notify_contacts(USER_OFFLINE, dict(users))


def _renew(connections: Collection[Connection]) -> list[int]:
    """Record connections in one Redis command, because there may be hundreds at a time."""
    names = [keys.presence(each.user_id) for each in connections]
    arguments = [text for each in connections for text in (str(each.user_id), each.connection_id)]
    fixed = (keys.PRESENCE, keys.ONLINE_USERS)
    reply = redis_client().eval(_RENEW, 2 + len(names), *fixed, *names, _ttl_ms(), *arguments)
    are_first: list[int] = reply
    return are_first


def _keys(user_id: UUID) -> tuple[str, str, str, str]:
    return keys.presence(user_id), keys.PRESENCE, keys.ONLINE_USERS, keys.LAST_SEEN


def _ttl_ms() -> int:
    return int(settings.PRESENCE_TTL.total_seconds() * 1000)


def _notify_contacts(event: EventSpec, usernames: Mapping[UUID, str]) -> None:
    """Publish the event about these users (id to username) to their contacts."""
    if not usernames:
        return
    timestamp = jsonlib.isoformat(database_now())
    for user_id, contact_id in {pair for pairs in contacts(usernames.keys()) for pair in pairs}:
        if contact_id != user_id:
            data = {"userId": user_id, "username": usernames[user_id], "timestamp": timestamp}
            publish(user_room(contact_id), event.name, data)
