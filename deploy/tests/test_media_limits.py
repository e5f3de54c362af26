"""What one address can do to the media server, with real nginx."""

import re
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from livestream.tests.media import MediaServerProcess
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.media

HANDSHAKE = b"\x03" + bytes(1536)


@pytest.fixture(scope="module")
def server() -> Iterator[MediaServerProcess]:
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        server = MediaServerProcess(Path(root))
        server.start("http://127.0.0.1:9")
        yield server
        server.stop()
    shutil.rmtree(server.state)


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_half_open_connections_of_one_address_stop_neither_other_encoders_nor_viewers(
    server: MediaServerProcess,
) -> None:
    with ExitStack() as stack:
        attack = [stack.enter_context(connect(server.rtmp_port)) for _ in range(300)]
        wait_until(lambda: sum(map(is_open, attack)) == 64, "refused connections")
        assert server.get("/healthz") == server.get("/healthz", server.control_port) == b"ok\n"
        other = stack.enter_context(connect(server.rtmp_port, "127.0.0.2"))
        other.sendall(HANDSHAKE)
        assert other.recv(1) == b"\x03", "the server's part of the handshake"


def flood(server: MediaServerProcess) -> Counter[str]:
    """Ask 9,000 times for a file that isn't there, for ten viewers; return the statuses."""
    statuses: Counter[str] = Counter()
    for viewer in range(10):
        request = f"GET /uploads/none.jpg HTTP/1.1\r\nHost: media\r\nX-Forwarded-For: 192.0.2.{viewer}\r\n"
        with connect(server.media_port) as connection:
            connection.sendall(
                f"{request}\r\n".encode() * 899 + f"{request}Connection: close\r\n\r\n".encode()
            )
            answer = b""
            while received := connection.recv(65536):
                answer += received
        statuses.update(re.findall(r"HTTP/1.1 (\d+)", answer.decode()))
    return statuses


def test_a_flood_of_requests_is_refused(server: MediaServerProcess) -> None:
    statuses = flood(server)
    assert statuses["404"] >= 2000, "a burst is served"
    assert statuses["429"] == 9000 - statuses["404"] > 0


def test_viewers_behind_a_known_proxy_are_counted_one_by_one(server: MediaServerProcess) -> None:
    server.stop()
    server.start("http://127.0.0.1:9", MEDIA_PROXIES="192.0.2.99 127.0.0.0/8")
    assert flood(server) == {"404": 9000}


def test_nobody_gets_past_the_limits_to_the_rtmp_module(server: MediaServerProcess) -> None:
    with connect(server.module_port) as connection:
        connection.sendall(HANDSHAKE)
        wait_until(lambda: not is_open(connection), "refusal")
