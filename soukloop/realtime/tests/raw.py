"""Clients that send exactly the bytes that a test gives them, valid or not."""

import http.client
import socket
import struct
from urllib.parse import urlencode

from soukloop.realtime.testing.servers import ServerProcess

TEXT, BINARY, CONTINUATION, PING, CLOSE = 0x1, 0x2, 0x0, 0x9, 0x8


class RawSocket:
    """A WebSocket client that sends given frames, valid or not."""

    def __init__(self, server: ServerProcess, path: str, token: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        self.socket.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Authorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        self.received = b""
        self.until(b"\r\n\r\n")

    def until(self, marker: bytes) -> None:
        while marker not in self.received:
            self.received += self._more()

    def _more(self) -> bytes:
        chunk = self.socket.recv(65536)
        if not chunk:
            raise AssertionError(f"closed; came: {self.received[-300:]!r}")
        return chunk

    def send(self, payload: bytes, opcode: int = TEXT, *, is_final: bool = True) -> None:
        self.socket.sendall(frame(payload, opcode, is_final=is_final))

    def close_code(self) -> int | None:
        """Read up to the close frame and return its code, or None if the server sent none."""
        while True:
            data = self.received.split(b"\r\n\r\n", 1)[1]
            while len(data) >= 2:
                size, start = data[1], 2
                if size == 126:
                    size, start = struct.unpack("!H", data[2:4])[0], 4
                if data[0] == 0x80 | CLOSE and len(data) >= start + 2:
                    return int(struct.unpack("!H", data[start : start + 2])[0])
                data = data[start + size :]
            try:
                chunk = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self.received += chunk


def frame(payload: bytes, opcode: int = TEXT, *, is_final: bool = True) -> bytes:
    head = bytes([(0x80 if is_final else 0) | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += struct.pack("!BH", 0xFE, size)
    else:
        head += struct.pack("!BQ", 0xFF, size)
    return head + bytes(4) + payload  # a mask of zeros leaves the payload as it is


class Polling:
    """A minimal Engine.IO client that polls over HTTP."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.sid = ""
        status, body = self.get()
        assert status == 200
        self.sid = body.split(b'"sid":"')[1].split(b'"')[0].decode()

    def get(self, **query: str) -> tuple[int, bytes]:
        return self._request("GET", None, query)

    def post(self, body: bytes, **query: str) -> tuple[int, bytes]:
        return self._request("POST", body, query)

    def _request(self, method: str, body: bytes | None, query: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        parameters = {"EIO": "4", "transport": "polling", **query}
        if self.sid:
            parameters.setdefault("sid", self.sid)
        try:
            connection.request(method, f"/socket.io/?{urlencode(parameters)}", body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
