"""The fast way out under uvicorn: ready-made frames, straight to the transport.

Run as `uvicorn --ws soukloop.realtime.rawsink:WebSocketProtocol`; without it all works the same, slower.
"""

import logging
from collections.abc import Generator
from typing import Any

import wsproto
from django.conf import settings
from uvicorn.protocols.websockets.wsproto_impl import WebsocketBuffer, WSProtocol
from wsproto import ConnectionType, events
from wsproto.connection import ConnectionState

from soukloop.realtime.frames import Batch, Wire
from soukloop.realtime.members import Member

logger = logging.getLogger(__name__)

EXTENSION = "soukloop.raw"
FRAGMENTS_MAX = 128
LINGER = 5.0  # seconds a client that doesn't read has to take its close frame


class RawSink:
    """Writes to one connection's transport; knows from its flow control whether the client reads."""

    __slots__ = ("_protocol", "is_writable", "member", "wire")

    def __init__(self, protocol: "WebSocketProtocol") -> None:
        self._protocol = protocol
        self.is_writable = True
        self.wire = Wire.WEBSOCKET
        self.member: Member | None = None

    def write(self, batch: Batch) -> None:
        self._protocol.transport.write(batch.raw(self.wire))

    def close(self, code: int, reason: str) -> None:
        self.is_writable = False
        self._protocol.fail(code, reason)


class WebSocketProtocol(WSProtocol):
    """uvicorn's wsproto protocol, stricter with what comes in, and open to the hub for what goes out."""

    def __init__(self, config: Any, *args: Any, **kwargs: Any) -> None:
        # A frame compressed for one connection couldn't be another's, and 300 KiB of zlib state each add up.
        config.ws_per_message_deflate = False
        super().__init__(config, *args, **kwargs)
        self.conn: _Connection = _Connection(ConnectionType.SERVER)
        self.buffer = WebsocketBuffer(settings.SOCKET_FRAME_MAX_BYTES)
        self.fragments = 0
        self.sink = RawSink(self)

    def handle_connect(self, event: events.Request) -> None:
        super().handle_connect(event)
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = self.sink

    def handle_message(self, event: Any) -> None:
        self.fragments = 0 if event.message_finished else self.fragments + 1
        if self.fragments > FRAGMENTS_MAX:
            return self.fail(1008, "A message in too many fragments")
        super().handle_message(event)
        if self.close_sent:
            self.conn.is_over = True
            logger.warning("a socket is closed: a message of more than %s bytes", self.buffer.max_length)
        return None

    def handle_close(self, event: events.CloseConnection) -> None:
        if not self.close_sent and self.conn.state is ConnectionState.OPEN:
            # Not the client's close but what wsproto makes of a frame it can't parse (1002, 1007).
            return self.fail(event.code, event.reason or "The frame can't be parsed")
        return super().handle_close(event)

    def fail(self, code: int, reason: str) -> None:
        """End the connection, whether the client reads or not."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        if code not in (1000, 1001):
            logger.info("a socket is closed: %s %s", code, reason)
        self.close_sent = True
        self.conn.is_over = True
        self.sink.is_writable = False
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(self.conn.send(events.CloseConnection(code=code, reason=reason)))
        self.transport.close()
        self.loop.call_later(LINGER, self.transport.abort)

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
        super().connection_lost(exc)


class _Connection(wsproto.WSConnection):
    """Stops parsing what a client sent after the frame for which it is thrown out."""

    is_over = False

    def events(self) -> Generator[events.Event, None, None]:
        for event in super().events():
            yield event
            if self.is_over:
                return
