"""An Engine.IO session as the hub sees it: a sink, whether the client polls or has a WebSocket.

Engine.IO documents few of the names used here; `soukloop/tests/upstream` tests each of them.
"""

import asyncio
import logging
from typing import Any

from django.conf import settings
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket

from soukloop.realtime.budgets import ByteBudget
from soukloop.realtime.frames import Batch, Frame, WireFormat
from soukloop.realtime.members import Member
from soukloop.realtime.uvicorn_protocol import EXTENSION, TransportSink

logger = logging.getLogger("soukloop.socket")

QUEUE_MAX = 64  # packets in Engine.IO's queue; further events wait in the member's backlog
UPGRADE_TIMEOUT = 10.0  # seconds for each of the two packets with which a client changes to a WebSocket
# The packets that a client may send: close, pong and message; on a WebSocket also ping (the probe), upgrade
# and noop. Engine.IO ends a session that polls with one of the latter.
POLLING_PACKET_TYPES = frozenset("134")
WEBSOCKET_PACKET_TYPES = frozenset("123456")
# Stands for a binary packet (an attachment). No command takes one, so its content goes no further.
BINARY_PACKET = "4binary"
_SOCKETIO_DISCONNECT = b"41"


class PacketQueue(asyncio.Queue[Any]):
    """Engine.IO's queue for one client; `unsent` also counts packets taken from it but not yet sent."""

    unsent = 0

    def put_nowait(self, item: Any) -> None:
        self.unsent += 1
        super().put_nowait(item)

    async def join(self) -> None:
        """Return at once. Engine.IO would wait here for a client that may never fetch its last packets."""


class EngineSink:
    """Writes to one Engine.IO session: to its queue, or to its WebSocket while the queue is empty."""

    def __init__(self, session: Any) -> None:
        self.member: Member | None = None
        self.is_open = False
        self.budget = ByteBudget()  # of polling requests; a WebSocket has its own
        self._session = session
        self._transport: TransportSink | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def transport_name(self) -> str:
        return "socketio_websocket" if self._session.upgraded else "socketio_polling"

    @property
    def is_writable(self) -> bool:
        if not self.is_open:
            return False
        if self._transport is not None and self._is_idle:
            return self._transport.is_writable
        return bool(self._session.queue.qsize() < QUEUE_MAX)

    @property
    def is_closed(self) -> bool:
        return bool(self._session.closed)

    @property
    def _is_idle(self) -> bool:
        """Whether Engine.IO is not about to write to the WebSocket itself."""
        session = self._session
        return bool(session.upgraded and not session.upgrading and session.queue.unsent == 0)

    def open(self) -> None:
        """Start sending the member's events, after Socket.IO has responded to the handshake."""
        self.is_open = True
        if self.member is not None:
            if self._transport is not None:
                self._transport.member = self.member
            self.member.resume()

    def use_transport(self, transport: TransportSink) -> None:
        """Write directly to this WebSocket from now on, whenever Engine.IO has nothing to send."""
        transport.wire = WireFormat.SOCKETIO
        transport.member = self.member
        self._transport = transport

    def write(self, batch: Batch) -> None:
        if self._transport is not None and self._is_idle:
            self._transport.write(batch)
            return
        for frame in batch.frames:
            text = frame.text(WireFormat.SOCKETIO)[1:].decode()
            self._session.queue.put_nowait(EnginePacket(MESSAGE, text))

    def close(self, code: int, reason: str, *, reconnect: bool = False) -> None:
        if self.is_writable and not reconnect:
            # After this packet, the client does not reconnect automatically.
            self.write(Batch([Frame.from_text(_SOCKETIO_DISCONNECT)]))
        if self._transport is not None:
            self._transport.close(code, reason)
        else:
            self._closing = asyncio.get_running_loop().create_task(self.end())

    async def end(self) -> None:
        """Close the Engine.IO session."""
        await self._session.close()

    def release(self) -> None:
        """Let go of a session that is closed, whoever closed it: what waits for its packets ends."""
        self._session.queue.put_nowait(None)  # ends a poll, or the writer task, which closes the WebSocket
        self._session.server.sockets.pop(self._session.sid, None)

    def packet_sent(self) -> None:
        """Record that Engine.IO has sent one packet over the WebSocket."""
        queue = self._session.queue
        queue.unsent = max(0, queue.unsent - 1)
        self._resume()

    def poll_finished(self) -> None:
        """Record that a polling request has been answered."""
        if self._session.closed:
            self._session.queue.put_nowait(None)  # for the next one, if the client polled several times
        elif not self._session.upgraded:
            self.recount()
            self._resume()

    def recount(self) -> None:
        """Count the unsent packets again, because polling does not report the packets that it has sent."""
        self._session.queue.unsent = self._session.queue.qsize()

    def cancel_upgrade(self) -> None:
        """Reset a flag that Engine.IO leaves set, so that it does not answer further polls with nothing."""
        self._session.upgrading = False

    def _resume(self) -> None:
        if self.member is not None and self.member.backlog and self.is_writable:
            self.member.resume()


class EngineWebSocket:
    """A WebSocket under Engine.IO: refuses invalid packets, and lets the sink write to it directly."""

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._transport: TransportSink | None = scope.get("extensions", {}).get(EXTENSION)
        self._sink: EngineSink | None = None
        self._is_upgrading = False

    def attach(self, sink: EngineSink, *, is_upgrade: bool) -> None:
        """Set the sink of the session, which uses this WebSocket now, or once its upgrade is complete."""
        self._sink = sink
        self._is_upgrading = is_upgrade
        if not is_upgrade and self._transport is not None:
            sink.use_transport(self._transport)

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._receive_in_time()
        if message["type"] == "websocket.receive":
            text = message.get("text")
            if message.get("bytes") is not None and self._sink is not None and self._sink.member is not None:
                message = {"type": "websocket.receive", "text": BINARY_PACKET}
            elif (
                not text
                or text[0] not in WEBSOCKET_PACKET_TYPES
                or len(text) > settings.SOCKET_FRAME_MAX_BYTES
            ):
                message = await self._refuse(text)
            elif text[0] == "5" and self._is_upgrading and self._sink is not None:  # the upgrade is complete
                self._is_upgrading = False
                self._sink.recount()
                if self._transport is not None:
                    self._sink.use_transport(self._transport)
        if message["type"] == "websocket.disconnect" and self._sink is not None:
            self._sink.cancel_upgrade()
        return message

    async def send(self, message: dict[str, Any]) -> None:
        await self._send(message)
        if message["type"] == "websocket.send" and self._sink is not None:
            self._sink.packet_sent()

    async def _receive_in_time(self) -> Any:
        """Receive the next message; ends an upgrade that the client leaves unfinished."""
        try:
            return await asyncio.wait_for(self._receive(), UPGRADE_TIMEOUT if self._is_upgrading else None)
        except TimeoutError:
            reason = "The upgrade was not completed in time."
            await self._send({"type": "websocket.close", "code": 4408, "reason": reason})
            return {"type": "websocket.disconnect", "code": 4408}

    async def _refuse(self, text: str | None) -> dict[str, Any]:
        code, reason = 4400, "Invalid Engine.IO packet."
        if text is not None and len(text) > settings.SOCKET_FRAME_MAX_BYTES:
            code, reason = 4413, "The packet is too large."
        logger.info("connection closed: %s %s", code, reason)
        if self._sink is not None and self._sink.member is not None:
            self._sink.member.emit("error", {"code": "bad_frame", "message": reason, "details": {}})
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
        return {"type": "websocket.disconnect", "code": code}
