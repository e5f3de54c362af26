"""The lifecycle of connections, on either transport: connecting, heartbeats, disconnecting."""

import asyncio
import logging
import random
from collections import Counter
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import translation

from soukloop.core import jsonlib
from soukloop.core.batching import AsyncBatcher
from soukloop.core.db.clock import database_now
from soukloop.core.errors import DomainError
from soukloop.core.metrics.processes import sampling
from soukloop.realtime import attention, presence, session_checks
from soukloop.realtime.builtin_events import CONNECTED
from soukloop.realtime.dispatch import ThreadConnection, run_in_thread, run_leave_hooks
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.frames import Batch, Frame
from soukloop.realtime.guests import open_guests
from soukloop.realtime.hub import hub
from soukloop.realtime.members import CLOSE_TOO_MANY, GuestMember, Member, Sink
from soukloop.realtime.metrics import ROOMS, SOCKETS, TRANSPORTS
from soukloop.realtime.outbox import publish_overdue
from soukloop.realtime.rooms import ROOM_KINDS, RoomKind, kind_of, user_room
from soukloop.realtime.sessions import Guest, Session, SocketUser, Visitor

logger = logging.getLogger("soukloop.socket")

# Heartbeats are sent in batches, with a pause between them. All 5,000 connections of a big room in one batch
# blocked the event loop for 170 to 230 ms; batches of this size mostly take less than 10 ms.
HEARTBEAT_BATCH = 250
HEARTBEAT_PAUSE = 0.02  # seconds

BAD_FRAMES_MAX = 10  # per connection; each is answered with an error, and after the last one it is closed


async def start() -> None:
    """Start the hub and its heartbeats, unless they run already."""
    if await hub.start():
        hub.remove_from_room = _remove_from_room
        hub.check_rooms = _check_rooms
        sampling.register(_sample_sockets)
        hub.spawn(_heartbeat_loop())
        hub.spawn(_outbox_loop())
        hub.spawn(session_checks.check_forever())


def _sample_sockets() -> None:
    """Count the open sockets by what their events go through, and the rooms."""
    sockets = Counter(member.sink.transport_name for member in list(hub.members.values()))
    for transport in TRANSPORTS:
        SOCKETS.labels(transport).set(sockets[transport])
    rooms = Counter(kind_of(room) for room in list(hub.rooms))
    for kind in ROOM_KINDS.values():
        ROOMS.labels(kind.name).set(rooms[kind])


async def stop() -> None:
    """Stop the hub; called after the server has closed the connections."""
    await hub.stop()


async def connect(visitor: Visitor, sink: Sink) -> Member:
    """Return a member for a new connection; one of a user has joined the user's room.

    Raises RateLimited and Unavailable if there are too many guests.
    """
    if isinstance(visitor, Guest):
        open_guests.add(visitor.address)
    member = GuestMember(sink) if isinstance(visitor, Guest) else Member(sink)
    member.session = Session(member.connection_id, visitor, ThreadConnection(hub, member))
    sink.member = member
    hub.add(member)
    if isinstance(visitor, SocketUser):
        await hub.join(member, user_room(visitor.id))
        _close_surplus(visitor)
    return member


def _close_surplus(user: SocketUser) -> None:
    """Close the user's oldest connections above SOCKETS_PER_USER_MAX.

    The oldest, because a phone that has lost its network connects again before the server notices the loss.
    """
    members = list(hub.rooms[user_room(user.id)].members.values()) if user_room(user.id) in hub.rooms else []
    with translation.override(user.language):
        reason = translation.gettext("You have too many connections open. The oldest was closed.")
    for member in members[: max(0, len(members) - settings.SOCKETS_PER_USER_MAX)]:
        member.emit(
            "error", {"code": RealtimeErrorCode.TOO_MANY_CONNECTIONS, "message": reason, "details": {}}
        )
        member.close(CLOSE_TOO_MANY, reason)


def welcome(member: Member) -> None:
    """Send `connected`, and add a user's connection to presence in the background."""
    visitor = member.session.visitor
    user = visitor if isinstance(visitor, SocketUser) else None
    member.emit(
        CONNECTED.name,
        {
            "userId": user.id if user else None,
            "username": user.username if user else None,
            "guest": user is None,
            "connectionId": member.connection_id,
            "serverTime": jsonlib.isoformat(database_now()),
        },
    )
    if user is None:
        return
    member.presence_task = hub.spawn(_add_to_presence(member.session))


async def _add_to_presence(session: Session) -> None:
    try:
        await _add_to_presence_batched(session)
    except Exception as error:
        logger.error("adding connection %s to presence failed: %s", session.connection_id, error)


async def _add_all_to_presence(sessions: list[Session]) -> list[None]:
    await run_in_thread(partial(presence.add_connections, sessions))
    return [None] * len(sessions)


_add_to_presence_batched = AsyncBatcher(_add_all_to_presence)


async def disconnect(member: Member) -> None:
    """Remove a closed connection from its rooms and from presence; calls the apps' leave hooks."""
    member.is_closed = True
    async with member.command_queue.lock:  # a running command may still join a room
        rooms = sorted(member.rooms)
        hub.remove(member)
    if isinstance(member.session.visitor, Guest):
        open_guests.remove(member.session.visitor.address)
    if member.presence_task is not None:
        await asyncio.wait([member.presence_task])  # presence must add the connection before it removes it
    await run_in_thread(partial(_leave_rooms_and_presence, member.session, rooms))


def _leave_rooms_and_presence(session: Session, rooms: list[str]) -> None:
    attention.end(session)  # of all rooms at once
    run_leave_hooks(session, rooms)
    if not session.is_guest:
        presence.remove_connection(session)


async def _remove_from_room(member: Member, message: dict[str, Any]) -> None:
    """Remove a connection from a room that its user may no longer be in, and send it the event about that."""
    room = message["from"]
    async with member.command_queue.lock:  # a running command may still join the room
        if room not in member.rooms:
            return
        hub.leave(member, room)
        member.deliver(Batch([Frame(message["event"], message["data"])]))
        await run_in_thread(partial(run_leave_hooks, member.session, [room]))


async def _check_rooms(members: list[Member], kind: str) -> None:
    """Call the heartbeat hook of a kind of room early, because a person may have lost access to a room."""
    for start in range(0, len(members), HEARTBEAT_BATCH):
        sessions = [member.session for member in members[start : start + HEARTBEAT_BATCH]]
        try:
            await run_in_thread(partial(_call_heartbeat_hooks, sessions, kind))
        except Exception:
            logger.exception("checking rooms failed")


async def _heartbeat_loop() -> None:
    while True:
        await asyncio.sleep(settings.SOCKET_HEARTBEAT.total_seconds())
        await heartbeat()


async def _outbox_loop() -> None:
    """Publish what a killed process, or this one while Redis was unavailable, left in the outbox."""
    while True:
        # Not all processes at the same moment: the first locks the rows, and the others find none.
        await asyncio.sleep(settings.OUTBOX_SWEEP_EVERY.total_seconds() * random.uniform(0.7, 1.3))  # noqa: S311
        try:
            published = await run_in_thread(publish_overdue)
        except Exception as error:
            logger.warning("publishing from the outbox failed: %s", error or type(error).__name__)
        else:
            if published:
                logger.info("%s outbox entries of other processes or of an outage published", published)


async def heartbeat() -> None:
    """Renew this process's connections, in batches."""
    members = list(hub.members.values())
    for start in range(0, len(members), HEARTBEAT_BATCH):
        batch = members[start : start + HEARTBEAT_BATCH]
        sessions = [member.session for member in batch if not member.is_closed]
        try:
            await run_in_thread(partial(_renew_sessions, sessions))
        except Exception:
            logger.exception("heartbeat failed")
        await asyncio.sleep(HEARTBEAT_PAUSE)
    try:
        await run_in_thread(presence.expire_silent_users)
    except Exception:
        logger.exception("presence sweep failed")


def _renew_sessions(sessions: list[Session]) -> None:
    """Renew these connections and call the apps' hooks."""
    if users := [session for session in sessions if not session.is_guest]:
        presence.renew_connections(users)
    attention.renew(sessions)
    _call_heartbeat_hooks(sessions)


def _call_heartbeat_hooks(sessions: list[Session], only: str | None = None) -> None:
    members: dict[RoomKind, dict[str, list[Session]]] = {}
    for session in sessions:
        for room in session.rooms:
            kind = kind_of(room)
            if kind is not None and only in (None, kind.name):
                members.setdefault(kind, {}).setdefault(room, []).append(session)
    for kind, rooms in members.items():
        kind.heartbeat.call_robust(rooms)


def close_code(error: DomainError) -> int:
    """Return the WebSocket close code of an error: 4000 plus its HTTP status.

    daphne lets an application close with 1000 or a code of 3000 and above, not with 1008 or 1009.
    """
    return 4000 + error.status
