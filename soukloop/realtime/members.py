"""A connection as the hub sees it: somewhere to write to, and what to do when it doesn't read."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from django.conf import settings

from soukloop.core import jsonlib
from soukloop.realtime.frames import Batch, Frame, Wire
from soukloop.realtime.sessions import Session

logger = logging.getLogger(__name__)

TOO_SLOW = 4008
SESSION_ENDED = 4401


class Sink(Protocol):
    """Where a member's events go: the seam between the hub and whatever carries them."""

    member: "Member | None"

    @property
    def is_writable(self) -> bool:
        """Say whether a write now would go out without waiting for a slow client."""

    def write(self, batch: Batch) -> None:
        """Send the events, in order, without waiting."""

    def close(self, code: int, reason: str) -> None:
        """End the connection without waiting."""


class Turn:
    """Keeps a connection's commands in order, and counts those that wait."""

    __slots__ = ("lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0


class Member:
    """One connection, its rooms, and the events that wait because it doesn't read fast enough."""

    __slots__ = ("arrival", "connection_id", "is_gone", "rooms", "session", "sink", "turn", "waiting")

    session: Session

    def __init__(self, sink: Sink) -> None:
        self.connection_id = uuid.uuid4().hex
        self.sink = sink
        self.rooms: set[str] = set()
        self.waiting: deque[Frame] | None = None
        self.turn = Turn()
        self.arrival: asyncio.Task[None] | None = None  # on the way to presence
        self.is_gone = False

    def deliver(self, batch: Batch) -> None:
        """Send events, now or when the client has read what came before. Never waits."""
        if self.waiting is None and self.sink.is_writable:
            self.sink.write(batch)
        elif not self.is_gone:
            self._keep(batch.frames)

    def emit(self, event: str, data: dict[str, Any]) -> None:
        """Send an event to this connection alone."""
        self.deliver(Batch([Frame(event, jsonlib.dumps(data))]))

    def reply(self, text: bytes) -> None:
        """Send a text that isn't an event, an acknowledgement, in its turn among the events."""
        self.deliver(Batch([Frame.of(text)]))

    def resume(self) -> None:
        """Send what waits; called by the sink when it is writable again."""
        waiting, self.waiting = self.waiting, None
        if waiting:
            self.sink.write(Batch(list(waiting)))

    def close(self, code: int, reason: str) -> None:
        if not self.is_gone:
            self.is_gone = True
            self.waiting = None
            self.sink.close(code, reason)

    def _keep(self, frames: list[Frame]) -> None:
        if self.waiting is None:
            self.waiting = deque()
        for frame in frames:
            if len(self.waiting) < settings.SOCKET_QUEUE_MAX:
                self.waiting.append(frame)
            elif not frame.is_ephemeral and not self._make_room(frame):
                return

    def _make_room(self, frame: Frame) -> bool:
        # What says nothing a minute later goes first; what somebody wrote is never left out silently.
        lasting = deque(kept for kept in self.waiting or () if not kept.is_ephemeral)
        if len(lasting) < settings.SOCKET_QUEUE_MAX:
            self.waiting = lasting
            self.waiting.append(frame)
            return True
        logger.info("connection %s reads too slowly and is closed", self.connection_id)
        self.close(TOO_SLOW, "You read too slowly; connect again and catch up.")
        return False


class AsgiSink:
    """Sends through ASGI `send`, whatever server is in front."""

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]], wire: Wire) -> None:
        self._send = send
        self._wire = wire
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.member: Member | None = None

    @property
    def is_writable(self) -> bool:
        return self._task is None

    def write(self, batch: Batch) -> None:
        self._task = asyncio.get_running_loop().create_task(self._write(batch.frames))

    def close(self, code: int, reason: str) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    async def _write(self, frames: list[Frame]) -> None:
        try:
            for frame in frames:
                await self._send({"type": "websocket.send", "text": frame.text(self._wire).decode()})
        except Exception as error:  # servers differ in what they raise once the client is gone
            logger.debug("a client was gone before its event: %s", error)
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
            logger.debug("a client was gone before its close: %s", error)
