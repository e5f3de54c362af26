"""A connection's beginning, its heartbeats and its end, whichever transport carries it."""

import asyncio
import logging
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from soukloop.core import jsonlib
from soukloop.core.batching import AsyncBatcher
from soukloop.core.errors import DomainError, Forbidden, NotAuthenticated, ServerError
from soukloop.core.http.envelope import domain_error
from soukloop.realtime import presence
from soukloop.realtime.commands import HEARTBEAT_HOOKS
from soukloop.realtime.dispatch import ThreadConnection, in_thread, left
from soukloop.realtime.events import EventSpec, declare_event
from soukloop.realtime.frames import Batch, Frame
from soukloop.realtime.hub import hub
from soukloop.realtime.members import Member, Sink
from soukloop.realtime.rooms import kind_of, user_room
from soukloop.realtime.sessions import Credentials, Session, SocketUser, authenticate

logger = logging.getLogger("soukloop.socket")

Scope = dict[str, Any]

# Connections that a heartbeat speaks for at once, and the seconds before the next ones. All 5,000 of a big
# room in one go kept the loop from everything else for 170 to 230 ms; so they mostly do for less than 10.
BEATS_AT_ONCE = 250
BEATS_APART = 0.02

BAD_FRAMES_MAX = 10  # of one connection; each is answered, the last one by a close

declare_event(
    EventSpec(
        "connected",
        "You are connected. The first event of each connection.",
        {
            "userId": "0d3ab0a5-5c07-4b6d-9d56-0b8a0a3c6a01",
            "username": "testbuyer",
            "connectionId": "c4b1f2a97d8e4c0f9a7f6f0e2d1c3b5a",
            "serverTime": "2025-10-18T10:00:00Z",
        },
    )
)
declare_event(
    EventSpec(
        "error",
        "A command without acknowledgement was refused, or the connection is about to be closed. `code`, "
        "`message` and `details` are those of REST; `event` names the command, where there was one.",
        {
            "event": "message:send",
            "code": "validation_error",
            "message": "Some fields are missing or wrong.",
            "details": {"content": ["This field is required."]},
        },
    )
)
declare_event(
    EventSpec(
        "resync",
        "Events of this room may have been missed (Redis was away). "
        "Join it again with `afterSeq`, or read REST.",
        {"room": "conversation.5f0c1f8e-3d6a-4b8e-9a53-7d1f2f9f1c22"},
        rooms=("user", "conversation", "stream", "product"),
    )
)


async def start() -> None:
    """Make this process ready for connections; again does nothing."""
    if await hub.start():
        hub.put_out = _put_out
        hub.spawn(_beat_for_ever())


async def stop() -> None:
    """Let go of the event loop; the server has closed the connections."""
    await hub.stop()


async def identify(
    headers: dict[bytes, bytes], query: bytes, *, token: Any = None, ticket: Any = None
) -> SocketUser:
    """Return whose connection it is, by what the handshake brought; raises DomainError with a reason.

    A bearer header (native apps), a one-use `?ticket=` (browsers), Socket.IO's `auth`. Never an access token
    in a URL: proxies and browsers keep URLs.
    """
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if not token and scheme.lower() == "bearer":
        token = bearer.strip()
    if not ticket:
        ticket = query_value(query, "ticket")
    if not token and not ticket:
        raise NotAuthenticated("Log in first: send a token or a ticket.", code="credentials_missing")
    if not isinstance(token or "", str) or not isinstance(ticket or "", str):
        raise NotAuthenticated("A token is a string.", code="token_invalid")
    try:
        found = await _authenticated(Credentials(token or None, ticket or None))
    except Exception as exc:
        found = exc
    if isinstance(found, SocketUser):
        return found
    error = domain_error(found)
    if error is None:
        logger.error("a handshake failed", exc_info=found)
        error = ServerError()
    raise error from found


async def _authenticate(credentials: list[Credentials]) -> list[SocketUser | Exception]:
    return await in_thread(partial(authenticate, credentials))


# In a rush into a live room, handshakes and what presence is told of them come by the hundred a second.
_authenticated = AsyncBatcher(_authenticate)


def query_value(query: bytes, name: str) -> str | None:
    """Return the first value of a parameter of the URL, if there is one."""
    return parse_qs(query.decode("latin-1"), max_num_fields=100).get(name, [None])[0]


def check_origin(headers: dict[bytes, bytes]) -> None:
    """Refuse a page of somebody else's site; only browsers send the header. Raises Forbidden."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and not is_trusted_origin(origin, headers.get(b"host", b"").decode("latin-1")):
        raise Forbidden("This site may not connect.", code="origin_not_allowed")


def is_trusted_origin(origin: str, host: str) -> bool:
    """Say whether it is one of ours: named in TRUSTED_ORIGINS, or the host that was asked."""
    if origin in settings.TRUSTED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
        name = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    return parts.netloc == host or (settings.DEBUG and name in ("localhost", "127.0.0.1", "::1"))


async def opened(user: SocketUser, sink: Sink) -> Member:
    """Make a member of a connection: in its person's own room, known to presence."""
    member = Member(sink)
    member.session = Session(member.connection_id, user, ThreadConnection(hub, member))
    sink.member = member
    hub.add(member)
    await hub.join(member, user_room(user.id))
    return member


def greet(member: Member) -> None:
    """Send `connected`; people are told meanwhile."""
    user = member.session.socket_user
    member.emit(
        "connected",
        {
            "userId": user.id,
            "username": user.username,
            "connectionId": member.connection_id,
            "serverTime": jsonlib.isoformat(timezone.now()),
        },
    )
    member.arrival = hub.spawn(_arrive(member.session))


async def _arrive(session: Session) -> None:
    try:
        await _arrived(session)
    except Exception as error:
        logger.error("presence was not told of a connection: %s", error)


async def _tell_presence(sessions: list[Session]) -> list[None]:
    await in_thread(partial(presence.arrived, sessions))
    return [None] * len(sessions)


_arrived = AsyncBatcher(_tell_presence)


async def closed(member: Member) -> None:
    """Forget a connection that is gone, and run what apps want done then."""
    member.is_gone = True
    async with member.turn.lock:  # a command under way may still join a room
        rooms = sorted(member.rooms)
        hub.remove(member)
    if member.arrival is not None:
        await asyncio.wait([member.arrival])  # or presence would be told of the going first
    await in_thread(partial(_say_goodbye, member.session, rooms))


async def _put_out(member: Member, message: dict[str, Any]) -> None:
    """Take a connection out of a room that its person may not be in any more, and say why."""
    room = message["from"]
    async with member.turn.lock:  # a command under way may still join the room
        if room not in member.rooms:
            return
        hub.leave(member, room)
        member.deliver(Batch([Frame(message["event"], message["data"])]))
        await in_thread(partial(left, member.session, [room]))


def _say_goodbye(session: Session, rooms: list[str]) -> None:
    left(session, rooms)
    presence.departed(session)


async def _beat_for_ever() -> None:
    while True:
        await asyncio.sleep(settings.SOCKET_HEARTBEAT.total_seconds())
        await beat()


async def beat() -> None:
    """Say that the connections here are alive, some at a time; end those of who was banned or logged out."""
    members = list(hub.members.values())
    for start in range(0, len(members), BEATS_AT_ONCE):
        some = members[start : start + BEATS_AT_ONCE]
        sessions = [member.session for member in some if not member.is_gone]
        try:
            outdated = await in_thread(partial(_heartbeat, sessions))
        except Exception:
            logger.exception("a heartbeat failed")
            outdated = []
        for connection_id in outdated:
            if member := hub.members.get(connection_id):
                hub.end_session(member, "Your session has ended. Log in again.")
        await asyncio.sleep(BEATS_APART)
    try:
        await in_thread(presence.bury)
    except Exception:
        logger.exception("nobody was seen off")


def _heartbeat(sessions: list[Session]) -> list[str]:
    presence.heartbeat(sessions)
    rooms: dict[str, dict[str, list[Session]]] = {kind: {} for kind in HEARTBEAT_HOOKS}
    for session in sessions:
        for room in session.rooms:
            if kind_of(room) in rooms:
                rooms[kind_of(room)].setdefault(room, []).append(session)
    for kind, members in rooms.items():
        for hook in HEARTBEAT_HOOKS[kind] if members else ():
            try:
                hook(members)
            except Exception:
                logger.exception("a heartbeat of %s rooms failed", kind)
    return _outdated(sessions)


def _outdated(sessions: list[Session]) -> list[str]:
    """Return the connections whose person was banned or logged out while Redis could not say so."""
    people = get_user_model().objects.filter(pk__in={session.user_id for session in sessions}, is_active=True)
    versions = dict(people.values_list("pk", "token_version"))
    return [
        session.connection_id
        for session in sessions
        if versions.get(session.user_id) != session.socket_user.token_version
    ]


def close_code(error: DomainError) -> int:
    """Return the WebSocket close code of a refusal: 4000 and its HTTP status.

    daphne lets an application close with 1000 or a code from 3000 on, not with 1008 or 1009.
    """
    return 4000 + error.status
