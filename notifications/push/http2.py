"""An HTTP/2 client that says of each lost request whether the server can have processed it.

httpx's HTTP/2 gives up all open requests at a GOAWAY, also those whose answers are still coming
(docs/decisions/0015). This one awaits them, and tells the others apart: they are safe to send again.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

logger = logging.getLogger(__name__)

STREAMS_MAX = 100  # on a connection; FCM and Apple allow no more
_CONNECT_SECONDS, _ATTEMPTS = 5.0, 3
_ANSWER_BYTES_MAX = 64 * 1024
_FRAME_HEADER, _FRAME_MAX, _GOAWAY = 9, 9 + 16384, 7
_STREAM_ID, _STREAM_IDS_USED_UP = 0x7FFF_FFFF, 0x7FFF_FF00

Headers = Sequence[tuple[str, str]]


class NotProcessed(Exception):
    """The server can't have processed the request, so that it may be sent again."""


class AnswerLost(Exception):
    """The server may have processed the request; nobody will ever know."""


class Http2NotSupported(Exception):
    """The server speaks HTTP/1.1 only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's response to one request."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class _Stream:
    answer: "asyncio.Future[Answer]"
    unsent: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class Http2Client:
    """Connections to one server, opened as they are needed."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext, *, connections_max: int, timeout: float
    ) -> None:
        self.host, self.port, self.context = host, port, context
        self.connections_max, self.timeout = connections_max, timeout
        self._connections: list[_Connection] = []
        self._is_opening = False
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._authority = host if port == 443 else f"{host}:{port}"

    async def post(self, path: str, headers: Headers, body: bytes) -> Answer:
        """Send a request; raises NotProcessed, AnswerLost or Http2NotSupported.

        It is sent again where a server that closes its connection has not processed it.
        """
        start = ((":method", "POST"), (":authority", self._authority), (":scheme", "https"), (":path", path))
        for _ in range(_ATTEMPTS - 1):
            connection = await self._with_room()
            with contextlib.suppress(NotProcessed):
                return await self._send(connection, [*start, *headers], body)
        return await self._send(await self._with_room(), [*start, *headers], body)

    async def _send(self, connection: "_Connection", headers: Headers, body: bytes) -> Answer:
        stream_id, answer = connection.send(headers, body)
        try:
            async with asyncio.timeout(self.timeout):
                return await answer
        except TimeoutError:
            # It may be dead without our knowing: others must not wait for it too.
            connection.leave()
            raise AnswerLost(f"no answer from {self.host} within {self.timeout:.0f} s") from None
        finally:
            connection.forget(stream_id)

    @property
    def is_idle(self) -> bool:
        return not self._waiters and not any(each.streams for each in self._connections)

    def close(self) -> None:
        """Close all connections; requests that are still open raise AnswerLost."""
        for connection in self._connections:
            connection.close()

    async def _with_room(self) -> "_Connection":
        while True:
            self._connections = [each for each in self._connections if not each.is_over]
            free = [each for each in self._connections if each.has_room]
            if free:
                return min(free, key=lambda each: len(each.streams))
            if not self._is_opening and len(self._connections) < self.connections_max:
                await self._open()
            else:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter

    async def _open(self) -> None:
        """Open one more connection; if that fails, all who wait for one are told."""
        self._is_opening = True
        connection = _Connection(self._let_in)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, self.host, self.port, ssl=self.context, server_hostname=self.host
                )
                await connection.ready
        except (OSError, TimeoutError, NotProcessed) as error:
            connection.close()
            failure = NotProcessed(f"no connection to {self.host}: {error or 'timed out'}")
            self._fail_waiters(failure)
            raise failure from error
        except Http2NotSupported as error:
            self._fail_waiters(error)
            raise
        else:
            self._connections.append(connection)
        finally:
            self._is_opening = False
        self._let_in(connection.streams_max)

    def _let_in(self, count: int = 1) -> None:
        """Let as many of those who wait look for room again."""
        while count and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1

    def _fail_waiters(self, error: Exception) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)


class _Connection(asyncio.Protocol):
    """One connection, for up to STREAMS_MAX requests at a time, fewer if the server says so."""

    def __init__(self, on_room: Callable[[int], None]) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.streams: dict[int, _Stream] = {}
        self.streams_max = 0  # until the server's settings have come
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_over = False  # takes no further requests
        self._on_room = on_room
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._is_flushing = False

    @property
    def has_room(self) -> bool:
        return not self.is_over and len(self.streams) < self.streams_max

    def send(self, headers: Headers, body: bytes) -> tuple[int, "asyncio.Future[Answer]"]:
        """Send a request; returns its stream and the future of its answer. There must be room."""
        loop = asyncio.get_running_loop()
        stream_id = self.h2.get_next_available_stream_id()
        stream = self.streams[stream_id] = _Stream(loop.create_future(), body)
        self.h2.send_headers(stream_id, headers)
        self._send_body(stream_id, stream)
        self._flush_soon()
        if stream_id > _STREAM_IDS_USED_UP:
            self.leave()
        return stream_id, stream.answer

    def forget(self, stream_id: int) -> None:
        """Free the stream of a request; what was not answered is cancelled."""
        stream = self.streams.pop(stream_id, None)
        if stream is None:
            return
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(ProtocolError):
                self.h2.reset_stream(stream_id, ErrorCodes.CANCEL)
            self._flush_soon()
        self._freed()

    def leave(self) -> None:
        """Take no further requests, and close once the open ones are answered."""
        self.is_over = True
        if not self.streams:
            self.close()

    def close(self) -> None:
        """Close the connection at once."""
        self.is_over = True
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            self.ready.set_exception(Http2NotSupported())
            self.close()
            return
        no_server_push = {SettingCodes.ENABLE_PUSH: 0}
        self.h2.local_settings = Settings(client=True, initial_values=no_server_push)
        self.h2.initiate_connection()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        if not self.ready.done():
            self.ready.set_exception(NotProcessed(str(error or "closed by the server")))
        reason = str(error or "the connection was closed")
        for stream in list(self.streams.values()):
            _fail(stream, AnswerLost(reason))
        self.streams.clear()
        self._on_room(STREAMS_MAX)

    def data_received(self, data: bytes) -> None:
        try:
            for event in self.h2.receive_data(self._without_goaway(data)):
                self._handle(event)
        except (ProtocolError, ValueError) as error:
            logger.warning("%s broke the HTTP/2 protocol: %s", self._transport, error)
            self.close()
            return
        self._flush()

    # Frames

    def _without_goaway(self, data: bytes) -> bytes:
        """Return the complete frames that have come, but handle GOAWAY here.

        h2 takes a GOAWAY for the end of the connection, and refuses the answers that come after it.
        """
        data, start, kept = self._received + data, 0, []
        while len(data) - start >= _FRAME_HEADER:
            end = start + _FRAME_HEADER + int.from_bytes(data[start : start + 3])
            if end - start > _FRAME_MAX:
                raise ValueError("a frame is longer than was agreed")
            if end > len(data):
                break
            if data[start + 3] == _GOAWAY:
                payload = data[start + _FRAME_HEADER : end]
                self._goaway(int.from_bytes(payload[:4]) & _STREAM_ID)
            else:
                kept.append(data[start:end])
            start = end
        self._received = data[start:]
        return b"".join(kept)

    def _goaway(self, last_stream_id: int) -> None:
        """Await the answers up to this stream; those above were not processed."""
        for stream_id in [each for each in self.streams if each > last_stream_id]:
            _fail(self.streams.pop(stream_id), NotProcessed("the server closes the connection"))
        self.leave()
        self._on_room(STREAMS_MAX)

    def _handle(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=stream_id, headers=headers) if stream := self._stream(stream_id):
                fields = cast(list[tuple[str, str]], headers)
                stream.headers = {name: value for name, value in fields if not name.startswith(":")}
                stream.status = int(next(value for name, value in fields if name == ":status"))
            case DataReceived(stream_id=stream_id, data=data, flow_controlled_length=length):
                self.h2.acknowledge_received_data(length or 0, stream_id)
                if stream := self._stream(stream_id):
                    stream.body += data[: _ANSWER_BYTES_MAX - len(stream.body)]
            case StreamEnded(stream_id=stream_id) if stream := self.streams.pop(stream_id, None):
                if not stream.answer.done():
                    stream.answer.set_result(Answer(stream.status, stream.headers, bytes(stream.body)))
                self._freed()
            case StreamReset(stream_id=stream_id, error_code=code):
                if stream := self.streams.pop(stream_id, None):
                    refused = code == ErrorCodes.REFUSED_STREAM
                    _fail(stream, (NotProcessed if refused else AnswerLost)(f"reset by the server: {code}"))
                    self._freed()
            case RemoteSettingsChanged():
                self.streams_max = min(STREAMS_MAX, self.h2.remote_settings.max_concurrent_streams)
                if not self.ready.done():
                    self.ready.set_result(None)
                self._on_room(STREAMS_MAX)
                self._send_bodies()
            case WindowUpdated():
                self._send_bodies()

    def _stream(self, stream_id: int | None) -> "_Stream | None":
        return self.streams.get(cast(int, stream_id))

    def _send_bodies(self) -> None:
        for stream_id, stream in self.streams.items():
            if stream.unsent:
                self._send_body(stream_id, stream)

    def _send_body(self, stream_id: int, stream: _Stream) -> None:
        """Send as much of a request's body as the server's windows let through."""
        while stream.unsent:
            room = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
            if room <= 0:
                return
            data, stream.unsent = stream.unsent[:room], stream.unsent[room:]
            self.h2.send_data(stream_id, data, end_stream=not stream.unsent)

    def _freed(self) -> None:
        if self.is_over and not self.streams:
            self.close()
        self._on_room(1)

    def _flush_soon(self) -> None:
        """Write once for all requests that are sent in this turn of the loop."""
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if self._transport is not None and (data := self.h2.data_to_send()):
            self._transport.write(data)


def _fail(stream: _Stream, error: Exception) -> None:
    if not stream.answer.done():
        stream.answer.set_exception(error)
