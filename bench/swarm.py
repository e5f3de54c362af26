"""Many raw WebSocket clients in one epoll loop that only count bytes: the server is the bottleneck."""

import base64
import json
import os
import re
import select
import socket
import struct
import time
from typing import Any

PING_BYTES = 12  # a server may send a ping during a measurement
SMALL_BUFFER = 16 * 1024
_DUE = re.compile(rb'"dueAt":(\d+)}')
ROOM = "product.0d3ab0a5-5c07-4b6d-9d56-0b8a0a3c6a01"


class Swarm:
    """`size` members of one room, on one connection each, plus one sender that isn't a member.

    The last `deaf` of them never read.
    """

    def __init__(
        self, port: int, dialect: str, size: int, token: str = "", *, room: str = ROOM, deaf: int = 0
    ) -> None:
        self.port = port
        self.dialect = dialect
        self.token = token
        self.room = room
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.received = 0
        self.buffer = bytearray(1 << 20)
        self.sender = self._connect()
        self.deaf: list[socket.socket] = []
        for number in range(size):
            is_deaf = number >= size - deaf
            member = self._connect(SMALL_BUFFER if is_deaf else None)
            self._command(member, "probe:join", {"room": room})
            self._read_until(member, b"probe:joined")
            if is_deaf:
                self.deaf.append(member)
                continue
            member.setblocking(False)
            self.sockets[member.fileno()] = member
            self.poll.register(member.fileno(), select.EPOLLIN)
        self.settle()

    def settle(self, quiet: float = 0.3) -> None:
        """Read until nothing more arrives."""
        while self._pump(quiet):
            pass
        self.received = 0

    def frame_size(self, event: str, data: dict[str, Any]) -> int:
        """Return the bytes of one delivery on the wire."""
        size = len(self._text(event, data))
        return size + (2 if size < 126 else 4)

    def publish(self, event: str, data: dict[str, Any], count: int) -> None:
        self._command(
            self.sender, "probe:publish", {"room": self.room, "event": event, "data": data, "count": count}
        )

    def deliveries_per_second(self, event: str, data: dict[str, Any], *, count: int, burst: int) -> float:
        """Publish `count` events, several bursts at a time, and time until every member has them all."""
        frame = self.frame_size(event, data)
        per_burst = len(self.sockets) * burst * frame
        wanted = len(self.sockets) * count * frame
        self.received = 0
        sent = 0
        started = time.perf_counter()
        while self.received < wanted:
            while sent < count and sent * len(self.sockets) * frame - self.received < 3 * per_burst:
                self.publish(event, data, burst)
                sent += burst
            if not self._pump(15):
                raise RuntimeError(f"{self.received} of {wanted} bytes came")
        elapsed = time.perf_counter() - started
        if self.received > wanted + PING_BYTES * len(self.sockets):
            raise RuntimeError(f"{self.received} bytes came instead of {wanted}")
        return len(self.sockets) * count / elapsed

    def delays(self, event: str, data: dict[str, Any], *, rate: float, seconds: float) -> list[float]:
        """Publish at a steady rate; return each delivery's seconds from when it was due to its arrival."""
        delays: list[float] = []
        tails = dict.fromkeys(self.sockets, b"")
        total = int(rate * seconds)
        started = time.perf_counter()
        sent = 0
        while True:
            now = time.perf_counter()
            if sent < total and now >= started + sent / rate:
                due = int((started + sent / rate) * 1e6)
                self.publish(event, {**data, "dueAt": due}, 1)
                sent += 1
            ready = self.poll.poll(max(0.0, started + sent / rate - now) if sent < total else 2.0)
            now = time.perf_counter()
            for number, _ in ready:
                read = tails[number] + self.sockets[number].recv(1 << 20)
                if len(read) == len(tails[number]):
                    raise RuntimeError("the server closed a connection")
                last = 0
                for found in _DUE.finditer(read):
                    delays.append(now - int(found[1]) / 1e6)
                    last = found.end()
                tails[number] = read[last:][-40:]
            if sent == total and (not ready or len(delays) >= total * len(self.sockets)):
                return delays

    def close(self) -> None:
        for each in [self.sender, *self.deaf, *self.sockets.values()]:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
        self.poll.close()

    def _pump(self, timeout: float) -> bool:
        ready = self.poll.poll(timeout)
        buffer = self.buffer
        sockets = self.sockets
        received = 0
        for number, _ in ready:
            received += sockets[number].recv_into(buffer)
        self.received += received
        if ready and not received:
            raise RuntimeError("the server closed a connection")
        return bool(ready)

    def _connect(self, receive_buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        client.settimeout(30)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(("127.0.0.1", self.port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        path = "/ws/" if self.dialect == "bare" else "/socket.io/?EIO=4&transport=websocket"
        client.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                f"Authorization: Bearer {self.token}\r\n\r\n"
            ).encode()
        )
        if self.dialect == "bare":
            self._read_until(client, b"\r\n\r\n")
        else:
            self._read_until(client, b'"sid"')
            _send(client, "40" + json.dumps({"token": self.token}))
            self._read_until(client, b"40{")
        return client

    def _command(self, client: socket.socket, event: str, data: dict[str, Any]) -> None:
        _send(client, self._text(event, data).decode())

    def _text(self, event: str, data: dict[str, Any]) -> bytes:
        if self.dialect == "bare":
            text = json.dumps({"event": event, "data": data}, separators=(",", ":"), ensure_ascii=False)
        else:
            text = "42" + json.dumps([event, data], separators=(",", ":"), ensure_ascii=False)
        return text.encode()

    def _read_until(self, client: socket.socket, marker: bytes) -> None:
        read = b""
        while marker not in read:
            chunk = client.recv(65536)
            if not chunk:
                raise RuntimeError(f"the server refused: {read!r}")
            read += chunk


def _send(client: socket.socket, text: str) -> None:
    payload = text.encode()
    mask = os.urandom(4)
    size = len(payload)
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    repeated = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    client.sendall(head + mask + masked.to_bytes(size, "big"))
