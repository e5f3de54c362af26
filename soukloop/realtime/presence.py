"""Who is online, and who is told: `online_users` in Redis, kept right by heartbeats."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol
from uuid import UUID

from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone
from redis.exceptions import RedisError

from soukloop.core import jsonlib
from soukloop.core.redis import keys
from soukloop.core.redis.client import redis_client
from soukloop.realtime.events import EventSpec, declare_event, publish
from soukloop.realtime.rooms import user_room

logger = logging.getLogger(__name__)

Audience = Callable[[Collection[UUID]], Iterable[tuple[UUID, UUID]]]

_audiences: list[Audience] = []


class Connection(Protocol):
    """What presence knows of a connection."""

    @property
    def user_id(self) -> UUID: ...
    @property
    def username(self) -> str: ...
    @property
    def connection_id(self) -> str: ...


declare_event(
    EventSpec(
        "user:online",
        "Somebody you share a conversation with has come online.",
        {
            "userId": "6f1c2d1e-8d0b-4a52-9f0c-0a6f3a2b7c11",
            "username": "testseller",
            "timestamp": "2025-10-18T10:00:00Z",
        },
    )
)
declare_event(
    EventSpec(
        "user:offline",
        "The last connection of somebody you share a conversation with is gone.",
        {
            "userId": "6f1c2d1e-8d0b-4a52-9f0c-0a6f3a2b7c11",
            "username": "testseller",
            "timestamp": "2025-10-18T10:05:00Z",
        },
    )
)

# Redis' own clock: web processes' clocks differ.
_NOW = "local time = redis.call('TIME'); local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
# KEYS: presence, online_users, then for each connection its user's connections. ARGV: TTL in ms, then for
# each its user and itself. Answers for each whether it is its user's first.
_HEARD = (
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
_LEFT = (
    _NOW
    + """
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
if redis.call('ZCARD', KEYS[1]) > 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('SREM', KEYS[3], ARGV[1])
"""
)
# KEYS: presence, online_users. ARGV: TTL in ms. One process gets each name, however many sweep.
_SWEEP = (
    _NOW
    + """
local gone = {}
for _, user in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, 500)) do
  redis.call('ZREM', KEYS[1], user)
  if redis.call('SREM', KEYS[2], user) == 1 then gone[#gone + 1] = user end
end
return gone
"""
)


def register_audience(audience: Audience) -> Audience:
    """Register `(user ids) -> pairs of one of them and somebody who is told when they come and go`."""
    _audiences.append(audience)
    return audience


def online_among(user_ids: Iterable[UUID]) -> set[UUID]:
    """Return those who are online; nobody while Redis is away."""
    ids = list(user_ids)
    if not ids:
        return set()
    try:
        flags = redis_client().smismember(keys.ONLINE_USERS, [str(each) for each in ids])
    except RedisError:
        return set()
    return {each for each, flag in zip(ids, flags, strict=True) if flag}


def connected_among(user_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of whom a process holds a connection at this moment; raises RedisError.

    A process that was killed is missed at once: Redis ends its subscriptions with its connection, long before
    its heartbeats stay away. Only one whose machine lost its power is missed later, by those.
    """
    layer = get_channel_layer()
    channels = {layer.channel_of(user_room(each)).encode(): each for each in user_ids}
    counted: Any = redis_client().pubsub_numsub(*channels)
    return {channels[channel] for channel, subscribed in counted if subscribed}


def arrived(connections: Collection[Connection]) -> None:
    """Note new connections; tell people of those that are somebody's first."""
    try:
        are_first = _heard(connections)
    except RedisError as error:
        logger.warning("presence not noted: %s", error)
        return
    pairs = zip(connections, are_first, strict=True)
    _tell("user:online", {each.user_id: each.username for each, is_first in pairs if is_first})


def departed(gone: Connection) -> None:
    """Note that a connection is gone; tell people if it was the person's last."""
    arguments = (str(gone.user_id), gone.connection_id, _ttl_ms())
    try:
        was_last = redis_client().eval(_LEFT, 3, *_keys(gone.user_id), *arguments)
    except RedisError as error:
        logger.warning("presence not noted: %s", error)
        return
    if was_last:
        _tell("user:offline", {gone.user_id: gone.username})


def heartbeat(connections: Collection[Connection]) -> None:
    """Say that these connections live, which also rebuilds what Redis lost."""
    try:
        _heard(connections)
    except RedisError as error:
        logger.warning("presence not renewed: %s", error)


def bury() -> None:
    """See off those of whom no process has said for PRESENCE_TTL that they live: theirs was killed."""
    try:
        gone = redis_client().eval(_SWEEP, 2, keys.PRESENCE, keys.ONLINE_USERS, _ttl_ms())
    except RedisError as error:
        logger.warning("nobody is seen off: %s", error)
        return
    if gone:
        ids = [UUID(raw.decode()) for raw in gone]
        people = get_user_model().objects.filter(pk__in=ids).values_list("pk", "username")
        _tell("user:offline", dict(people))


def _heard(connections: Collection[Connection]) -> list[int]:
    """Note these in one command: a rush or a heartbeat brings hundreds."""
    names = [keys.presence(each.user_id) for each in connections]
    arguments = [text for each in connections for text in (str(each.user_id), each.connection_id)]
    fixed = (keys.PRESENCE, keys.ONLINE_USERS)
    answer = redis_client().eval(_HEARD, 2 + len(names), *fixed, *names, _ttl_ms(), *arguments)
    are_first: list[int] = answer
    return are_first


def _keys(user_id: UUID) -> tuple[str, str, str]:
    return keys.presence(user_id), keys.PRESENCE, keys.ONLINE_USERS


def _ttl_ms() -> int:
    return int(settings.PRESENCE_TTL.total_seconds() * 1000)


def _tell(event: str, people: Mapping[UUID, str]) -> None:
    """Tell those who share a conversation with these people, by id and name."""
    if not people:
        return
    timestamp = jsonlib.isoformat(timezone.now())
    for user_id, other in {pair for audience in _audiences for pair in audience(people.keys())}:
        if other != user_id:
            data = {"userId": user_id, "username": people[user_id], "timestamp": timestamp}
            publish(user_room(other), event, data)
