"""Clients' connections: each one's rooms, its backlog while it reads slowly, and the sink it writes to."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from django.conf import settings
from django.utils.translation import gettext_noop

from soukloop.core import jsonlib
from soukloop.realtime.frames import Batch, Frame, WireFormat
from soukloop.realtime.metrics import EVENTS_DROPPED, SOCKETS_CLOSED
from soukloop.realtime.sessions import Session

logger = logging.getLogger(__name__)

CLOSE_TOO_SLOW = 4008
CLOSE_SESSION_ENDED = 4401
CLOSE_FLOODING = CLOSE_TOO_MANY = 4429
FLOODING = gettext_noop("This connection sends too much. Connect again, and send less.")


def close_reason(text: str) -> str:
    """Shorten a text to what a close frame can hold: 123 bytes; an Arabic letter takes two."""
    encoded = text.encode()
    return text if len(encoded) <= 123 else encoded[:120].decode(errors="ignore") + "…"


class Sink(Protocol):
    """Where a member's events are written: what the hub needs of a transport."""

    member: "Member | None"

    @property
    def transport_name(self) -> str:
        """Return one of TRANSPORTS, for the metrics."""

    @property
    def is_writable(self) -> bool:
        """Return whether the transport accepts a write now, without waiting for a slow client."""

    def write(self, batch: Batch) -> None:
        """Send the events in order. Never waits."""

    def close(self, code: int, reason: str, *, reconnect: bool) -> None:
        """Close the connection. Never waits. With `reconnect`, clients that do so may connect again."""


class CommandQueue:
    """Keeps a connection's commands in order, and counts those that have not finished."""

    __slots__ = ("lock", "size")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.size = 0


class Member:
    """One connection, its rooms, and its backlog of events while the client reads too slowly."""

    __slots__ = (
        "backlog",
        "bad_frames",
        "command_queue",
        "connection_id",
        "is_closed",
        "presence_task",
        "rooms",
        "session",
        "sink",
    )

    session: Session

    def __init__(self, sink: Sink) -> None:
        self.connection_id = uuid.uuid4().hex
        self.sink = sink
        self.rooms: set[str] = set()
        self.backlog: deque[Frame] | None = None
        self.command_queue = CommandQueue()
        self.presence_task: asyncio.Task[None] | None = None  # adds the connection to presence
        self.is_closed = False
        self.bad_frames = 0

    def deliver(self, batch: Batch) -> None:
        """Send events now, or once the client has read the earlier ones. Never waits."""
        if self.backlog is None and self.sink.is_writable:
            self.sink.write(batch)
        elif not self.is_closed:
            self._enqueue(batch.frames)

    def emit(self, event: str, data: dict[str, Any]) -> None:
        """Send an event to this connection alone."""
        self.deliver(Batch([Frame(event, jsonlib.dumps(data))]))

    def reply(self, text: bytes) -> None:
        """Send an acknowledgement, in order with the events."""
        self.deliver(Batch([Frame.from_text(text)]))

    def resume(self) -> None:
        """Send the backlog; called by the sink when it is writable again."""
        backlog, self.backlog = self.backlog, None
        if backlog:
            self.sink.write(Batch(list(backlog)))

    def close(self, code: int, reason: str, *, reconnect: bool = False) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.backlog = None
            SOCKETS_CLOSED.labels(str(code)).inc()
            self.sink.close(code, close_reason(reason), reconnect=reconnect)

    def _enqueue(self, frames: list[Frame]) -> None:
        if self.backlog is None:
            self.backlog = deque()
        for frame in frames:
            if len(self.backlog) < settings.SOCKET_QUEUE_MAX:
                self.backlog.append(frame)
            elif frame.is_ephemeral:
                EVENTS_DROPPED.inc()
            elif not self._drop_ephemeral_for(frame):
                return

    def _drop_ephemeral_for(self, frame: Frame) -> bool:
        """Make space in the backlog by dropping ephemeral events, or close the connection.

        No other event is ever dropped from an open connection.
        """
        kept = deque(queued for queued in self.backlog or () if not queued.is_ephemeral)
        if len(kept) < settings.SOCKET_QUEUE_MAX:
            EVENTS_DROPPED.inc(len(self.backlog or ()) - len(kept))
            self.backlog = kept
            self.backlog.append(frame)
            return True
        logger.info("connection %s reads too slowly and was closed", self.connection_id)
        self.close(CLOSE_TOO_SLOW, "This connection reads too slowly. Connect again and catch up.")
        return False


class GuestMember(Member):
    """A connection of somebody who isn't logged in, and who gets the events for guests alone."""

    __slots__ = ()

    def deliver(self, batch: Batch) -> None:
        shown = batch.for_guests()
        if shown.frames:
            super().deliver(shown)


class AsgiSink:
    """Writes through ASGI `send`; works with any server."""

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]], wire: WireFormat) -> None:
        self._send = send
        self._wire = wire
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.member: Member | None = None

    @property
    def transport_name(self) -> str:
        return "websocket"

    @property
    def is_writable(self) -> bool:
        return self._task is None

    def write(self, batch: Batch) -> None:
        self._task = asyncio.get_running_loop().create_task(self._write(batch.frames))

    def close(self, code: int, reason: str, *, reconnect: bool = False) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    async def _write(self, frames: list[Frame]) -> None:
        try:
            for frame in frames:
                await self._send({"type": "websocket.send", "text": frame.text(self._wire).decode()})
        except Exception as error:  # servers raise different errors once the client has disconnected
            logger.debug("client disconnected before an event was sent: %s", error)
        finally:
            self._task = None
            if self.member is not None:
                self.member.resume()

    async def _close(self, code: int, reason: str) -> None:
        try:
            if self._task is not None:
                await asyncio.wait([self._task], timeout=5)
            await asyncio.wait_for(
                self._send({"type": "websocket.close", "code": code, "reason": reason}), timeout=5
            )
        except Exception as error:
            logger.debug("client disconnected before its close frame: %s", error)
