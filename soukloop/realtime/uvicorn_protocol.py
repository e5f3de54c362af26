"""uvicorn's WebSocket protocol, extended so that the hub writes encoded frames directly to the transport.

Used by `uvicorn --ws soukloop.realtime.uvicorn_protocol:WebSocketProtocol`; without it everything works, but
more slowly. uvicorn documents few of the names used here; `soukloop/tests/upstream` tests each of them.
"""

import logging
from collections.abc import Generator
from typing import Any

import wsproto
from django.conf import settings
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import ConnectionType, events
from wsproto.connection import ConnectionState

from soukloop.core.http.connections import open_connections
from soukloop.realtime.budgets import ByteBudget
from soukloop.realtime.frames import Batch, WireFormat
from soukloop.realtime.members import CLOSE_FLOODING, FLOODING, Member
from soukloop.realtime.metrics import SOCKETS_CLOSED

logger = logging.getLogger(__name__)

EXTENSION = "soukloop.transport"
FRAGMENTS_MAX = 128
FLOODER_DRAIN = 3.0  # seconds for which the data of a client that sent too much is read and discarded
CLOSE_TIMEOUT = 5.0  # seconds for a client that reads too slowly to read its close frame


class TransportSink:
    """Writes to one connection's transport; its flow control says whether the client keeps up."""

    __slots__ = ("_protocol", "is_writable", "member", "wire")

    def __init__(self, protocol: "WebSocketProtocol") -> None:
        self._protocol = protocol
        self.is_writable = True
        self.wire = WireFormat.WEBSOCKET
        self.member: Member | None = None

    @property
    def transport_name(self) -> str:
        return "websocket" if self.wire is WireFormat.WEBSOCKET else "socketio_websocket"

    def write(self, batch: Batch) -> None:
        self._protocol.transport.write(batch.raw(self.wire))

    def close(self, code: int, reason: str, *, reconnect: bool = False) -> None:
        self.is_writable = False
        self._protocol.fail(code, reason)


class WebSocketProtocol(WSProtocol):
    """uvicorn's wsproto protocol, with stricter limits on what clients send and a sink for the hub."""

    def __init__(self, config: Any, *args: Any, **kwargs: Any) -> None:
        # Compressed frames could not be shared by connections, and each would need 300 KiB of zlib state.
        config.ws_per_message_deflate = False
        config.ws_max_size = settings.SOCKET_FRAME_MAX_BYTES
        super().__init__(config, *args, **kwargs)
        self.conn: StoppableConnection = StoppableConnection(ConnectionType.SERVER)
        self.fragments = 0
        self.budget = ByteBudget()
        self.is_flooding = False
        self.sink = TransportSink(self)

    def handle_connect(self, event: events.Request) -> None:
        super().handle_connect(event)
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = self.sink

    def data_received(self, data: bytes) -> None:
        if self.is_flooding:
            return  # discarded, until the connection is closed
        if self.budget.take(len(data)):
            super().data_received(data)
        else:
            self.close_flooder()

    def handle_message(self, event: Any) -> None:
        if not self.budget.take(0, frames=1):
            return self.close_flooder()
        self.fragments = 0 if event.message_finished else self.fragments + 1
        if self.fragments > FRAGMENTS_MAX:
            return self.fail(1008, "The message has too many fragments.")
        super().handle_message(event)
        if self.close_sent:
            self.conn.stop_parsing = True
            logger.warning("connection closed: message exceeds %s bytes", settings.SOCKET_FRAME_MAX_BYTES)
        return None

    def handle_close(self, event: events.CloseConnection) -> None:
        if not self.close_sent and self.conn.state is ConnectionState.OPEN:
            # Not a close frame from the client: this is how wsproto reports an invalid frame (1002, 1007).
            return self.fail(event.code, event.reason or "The frame is invalid.")
        return super().handle_close(event)

    def close_flooder(self) -> None:
        """Close a connection that sends more than it may."""
        self.is_flooding = True
        SOCKETS_CLOSED.labels(str(CLOSE_FLOODING)).inc()
        if self.handshake_complete:
            # Closed later: while there is unread data, the kernel would drop the close frame as well.
            self.fail(CLOSE_FLOODING, FLOODING, after=FLOODER_DRAIN)
        else:
            self.transport.abort()

    def fail(self, code: int, reason: str, *, after: float = 0.0) -> None:
        """Close the connection, even if the client does not read; `after` seconds after its close frame."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        if code not in (1000, 1001):
            logger.info("connection closed: %s %s", code, reason)
        self.close_sent = True
        self.conn.stop_parsing = True
        self.sink.is_writable = False
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(self.conn.send(events.CloseConnection(code=code, reason=reason)))
        if after:
            self.loop.call_later(after, self.transport.close)
        else:
            self.transport.close()
        self.loop.call_later(CLOSE_TIMEOUT, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.sink.is_writable = False

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.close_sent:
            self.sink.is_writable = True
            if self.sink.member is not None:
                self.sink.member.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self.sink.is_writable = False
        open_connections.remove(self.transport)
        super().connection_lost(exc)


class StoppableConnection(wsproto.WSConnection):
    """Ignores everything that a client sent after the frame for which its connection is closed."""

    stop_parsing = False

    def events(self) -> Generator[events.Event, None, None]:
        for event in super().events():
            yield event
            if self.stop_parsing:
                return
