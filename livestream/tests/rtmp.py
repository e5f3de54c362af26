"""A small RTMP publisher that sends given messages at given times, as no encoder could be made to do."""

import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from livestream.media.flv.tags import Tag

_TIMEOUT_SECONDS = 20
_CHUNK_BYTES = 4096
_KINDS = {"audio": 8, "video": 9, "script": 18}
_COMMAND, _SET_CHUNK_SIZE, _USER_CONTROL = 20, 1, 4
_PING, _PONG = 6, 7
_EXTENDED = 0xFFFFFF


class Refused(Exception):
    """The server closed the connection, or answered with an error."""


class Message(NamedTuple):
    """A message, and when it is sent: seconds after the first."""

    at: float
    tag: Tag


class RtmpPublisher:
    """A connection that publishes. The constructor waits until the server accepts it, or raises Refused."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        application = address.path.strip("/")
        self._socket = socket.create_connection(
            (address.hostname or "", address.port or 1935), timeout=_TIMEOUT_SECONDS
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming = bytearray()
        self._their_chunk_bytes = 128
        self._partial: dict[int, tuple[int, int, bytearray]] = {}
        try:
            self._shake_hands()
            self._send_message(2, _SET_CHUNK_SIZE, struct.pack(">I", _CHUNK_BYTES), chunk_bytes=128)
            self._command("connect", 1, {"app": application, "tcUrl": url, "type": "nonprivate"})
            self._wait_for("_result")
            self._command("createStream", 2, None)
            self._wait_for("_result")
            self._command("publish", 3, None, key, "live", stream=1)
            self._wait_for("onStatus")
        except OSError as error:
            self.abort()
            raise Refused(str(error)) from error
        except Refused:
            self.abort()
            raise

    def send(self, tag: Tag) -> None:
        """Send a message with its timestamp; raises OSError once the server has closed the connection."""
        self.answer_pings()
        self._send_message(4, _KINDS[tag.kind], tag.payload, tag.timestamp, stream=1)

    def send_at_times(self, messages: Iterable[Message]) -> None:
        """Send messages, each at its time."""
        started = time.monotonic()
        for message in messages:
            self.wait(started + message.at - time.monotonic())
            self.send(message.tag)

    def wait(self, seconds: float) -> None:
        """Send nothing but answers to pings for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1))
            if left > 0.5:
                self.answer_pings()

    def answer_pings(self) -> None:
        self._socket.setblocking(False)
        try:
            while received := self._socket.recv(65536):
                self._incoming += received
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(_TIMEOUT_SECONDS)
        for kind, body in self._complete_messages():
            self._handle_control(kind, body)

    def close(self) -> None:
        """End the broadcast as an encoder does that is stopped."""
        self._command("deleteStream", 4, None, 1.0)
        self._socket.close()

    def abort(self) -> None:
        """End the connection with a reset, as the kernel does for a killed encoder with unread data."""
        if self._socket.fileno() >= 0:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.close()

    def _shake_hands(self) -> None:
        self._socket.sendall(b"\x03" + bytes(8) + os.urandom(1528))
        answer = self._receive_exactly(1 + 1536 + 1536)
        self._socket.sendall(answer[1:1537])

    def _receive_exactly(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            some = self._socket.recv(count - len(received))
            if not some:
                raise Refused("connection closed")
            received += some
        return bytes(received)

    # Chunks

    def _send_message(
        self,
        channel: int,
        kind: int,
        body: bytes,
        timestamp: int = 0,
        *,
        stream: int = 0,
        chunk_bytes: int = _CHUNK_BYTES,
    ) -> None:
        is_extended = timestamp >= _EXTENDED
        time_field = (_EXTENDED if is_extended else timestamp).to_bytes(3, "big")
        extension = struct.pack(">I", timestamp) if is_extended else b""
        head = bytes([channel]) + time_field + len(body).to_bytes(3, "big") + bytes([kind])
        parts = [head + struct.pack("<I", stream) + extension, body[:chunk_bytes]]
        for start in range(chunk_bytes, len(body), chunk_bytes):
            parts += [bytes([0xC0 | channel]) + extension, body[start : start + chunk_bytes]]
        self._socket.sendall(b"".join(parts))

    def _complete_messages(self) -> Iterator[tuple[int, bytes]]:
        while (message := self._next_chunk()) is not None:
            if message:
                yield message

    def _next_chunk(self) -> tuple[int, bytes] | tuple[()] | None:
        """Take a chunk from what was received; return the message that it completes, if it does."""
        data = self._incoming
        if not data:
            return None
        form, channel = data[0] >> 6, data[0] & 63
        size = 1 + (11, 7, 3, 0)[form]
        if len(data) < size:
            return None
        length, kind, body = self._partial.get(channel, (0, 0, bytearray()))
        if form < 2:
            length, kind, body = int.from_bytes(data[4:7], "big"), data[7], bytearray()
        if form < 3 and data[1:4] == b"\xff\xff\xff":
            size += 4
        count = min(length - len(body), self._their_chunk_bytes)
        if len(data) < size + count:
            return None
        body = body + data[size : size + count]
        del data[: size + count]
        if len(body) < length:
            self._partial[channel] = (length, kind, body)
            return ()
        self._partial[channel] = (length, kind, bytearray())
        return kind, bytes(body)

    def _handle_control(self, kind: int, body: bytes) -> None:
        if kind == _SET_CHUNK_SIZE:
            self._their_chunk_bytes = struct.unpack(">I", body)[0]
        elif kind == _USER_CONTROL and struct.unpack(">H", body[:2])[0] == _PING:
            self._send_message(2, _USER_CONTROL, struct.pack(">H", _PONG) + body[2:])

    # Commands

    def _command(self, *values: object, stream: int = 0) -> None:
        self._send_message(3, _COMMAND, b"".join(_amf(value) for value in values), stream=stream)

    def _wait_for(self, command: str) -> None:
        end = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < end:
            for kind, body in self._complete_messages():
                self._handle_control(kind, body)
                if kind == _COMMAND:
                    if b"error" in body or b"NetStream.Publish.BadName" in body:
                        raise Refused(body.decode("latin-1"))
                    if body.startswith(_amf(command)):
                        return
            some = self._socket.recv(65536)
            if not some:
                raise Refused("connection closed")
            self._incoming += some
        raise Refused(f"no answer to wait for: {command}")


@contextmanager
def publishing(url: str, key: str) -> Iterator[RtmpPublisher]:
    """Publish, and stop as an encoder does."""
    publisher = RtmpPublisher(url, key)
    try:
        yield publisher
    finally:
        try:
            publisher.close()
        except OSError:
            publisher.abort()


def paced(tags: Iterable[Tag], *, speed: float = 1.0) -> list[Message]:
    """Return messages that are sent at the times of their timestamps."""
    return [Message(tag.timestamp / 1000 / speed, tag) for tag in tags]


def _amf(value: object) -> bytes:
    """Return a value in AMF0."""
    if value is None:
        return b"\x05"
    if isinstance(value, int | float):
        return b"\0" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + _short_text(value)
    if isinstance(value, dict):
        inside = b"".join(_short_text(name) + _amf(item) for name, item in value.items())
        return b"\x03" + inside + b"\0\0\x09"
    raise TypeError(type(value))


def _short_text(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()
