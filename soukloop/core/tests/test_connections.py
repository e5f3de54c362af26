"""Connections that a web process refuses or closes, and offers of other protocols that it ignores."""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.tests.factories import PASSWORD, make_user
from accounts.tokens import access_token_for
from soukloop.core import jsonlib
from soukloop.core.tests.test_chunked_bodies import CHUNKED, chunked, exchange, request
from soukloop.realtime.testing.servers import ServerProcess

Servers = Callable[..., list[ServerProcess]]

# As in production: loopback is an address like any other.
LIMITED = {
    "DEBUG": "true",
    "RATE_LIMIT_EXEMPT_LOOPBACK": "false",
    "CONNECTIONS_PER_ADDRESS_MAX": "60",
    "WAITING_CONNECTIONS_PER_ADDRESS_MAX": "40",
    "REQUEST_HEADERS_TIMEOUT_SECONDS": "1.5",
}
H2C = ("Connection: keep-alive, Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAA")
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def server(live_server_process: Servers) -> ServerProcess:
    [server] = live_server_process(1)
    return server


@contextlib.contextmanager
def open_sockets(server: ServerProcess, number: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            for _ in range(number)
        ]


def answer(client: socket.socket) -> bytes:
    """Read one answer to its end."""
    received = b""
    while True:
        chunk = client.recv(65536)
        assert chunk, received
        received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        if body and len(body) == int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            return received


def closed(clients: list[socket.socket], *, within: float) -> list[bytes]:
    """Return what the server sent to those that it closed in this time."""
    deadline = time.monotonic() + within
    received: dict[socket.socket, bytes] = dict.fromkeys(clients, b"")
    ended: list[bytes] = []
    while received and time.monotonic() < deadline:
        readable, _, _ = select.select(list(received), [], [], 0.1)
        for client in readable:
            try:
                chunk = client.recv(65536)
            except ConnectionError:
                chunk = b""
            if chunk:
                received[client] += chunk
            else:
                ended.append(received.pop(client))
    return ended


@pytest.mark.parametrize(
    "offer", [H2C, ("Connection: Upgrade", "Upgrade: TLS/1.0"), ("Connection: upgrade", "Upgrade: foo")]
)
def test_an_offer_of_another_protocol_is_ignored_and_the_body_is_read(
    server: ServerProcess, offer: tuple[str, ...]
) -> None:
    user = make_user()
    body = jsonlib.dumps({"identifier": user.email, "password": PASSWORD})
    length = f"Content-Length: {len(body)}"
    for raw in (
        request("/api/v1/auth/login", body, *offer, length),
        request("/api/v1/auth/login", chunked(body), *offer, CHUNKED),
    ):
        status, response = exchange(server, raw)
        assert (status, response["success"]) == (200, True)


def test_a_body_that_comes_after_an_offer_is_read_and_the_connection_goes_on(server: ServerProcess) -> None:
    user = make_user()
    body = jsonlib.dumps({"identifier": user.email, "password": PASSWORD})
    raw = request("/api/v1/auth/login", body, *H2C, f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        for _ in range(2):  # over one connection
            for start in range(0, len(raw), 100):
                client.sendall(raw[start : start + 100])
                time.sleep(0.01)
            assert answer(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(HEALTH + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert answer(client).startswith(b"HTTP/1.1 200 ")


def test_a_websocket_is_still_upgraded(server: ServerProcess, bare_client: Any) -> None:
    bare_client(server, access_token_for(make_user())).expect("connected")


@pytest.fixture
def limited(live_server_process: Servers) -> ServerProcess:
    [server] = live_server_process(1, environment=LIMITED)
    return server


def test_connections_without_a_request_are_limited_by_address_and_in_time(limited: ServerProcess) -> None:
    with open_sockets(limited, 300) as clients:
        # Somebody else at this address is answered nevertheless.
        status, _ = exchange(limited, HEALTH + b"Connection: close\r\n\r\n")
        assert status == 200
        given_way = closed(clients[:260], within=1.0)
        assert given_way == [b""] * 260
        # The others are closed once their time is over.
        timed_out = closed(clients[260:], within=4)
        assert sum(each.startswith(b"HTTP/1.1 408 ") for each in timed_out) >= 39


def test_connections_with_requests_are_limited_by_address(limited: ServerProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            [client] = stack.enter_context(open_sockets(limited, 1))
            client.sendall(HEALTH + b"\r\n")
            assert answer(client).startswith(b"HTTP/1.1 200 ")
        [refused] = closed(stack.enter_context(open_sockets(limited, 1)), within=2)
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 5" in refused


@pytest.mark.parametrize("start", [b"G", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: 1"])
def test_headers_that_do_not_arrive_are_answered_with_408(limited: ServerProcess, start: bytes) -> None:
    with open_sockets(limited, 1) as [client]:
        client.sendall(start)
        time.sleep(0.7)
        client.sendall(b"E" if start == b"G" else b"2")  # a trickle does not extend the time
        [received] = closed([client], within=4)
        assert received.startswith(b"HTTP/1.1 408 ")
        assert jsonlib.loads(received.split(b"\r\n\r\n")[1])["error"]["code"] == "request_timeout"


def test_a_second_request_of_a_connection_must_arrive_in_time_too(limited: ServerProcess) -> None:
    with open_sockets(limited, 1) as [client]:
        client.sendall(HEALTH + b"\r\n")
        assert answer(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        [received] = closed([client], within=4)
        assert received.startswith(b"HTTP/1.1 408 ")


def test_headers_without_an_end_are_refused(server: ServerProcess) -> None:
    with open_sockets(server, 1) as [client]:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(3000):
                client.sendall(f"X-Header-{number}: {'x' * 60}\r\n".encode())
        [received] = closed([client], within=4)
        assert received == b"" or received.startswith(b"HTTP/1.1 431 ")
    with open_sockets(server, 1) as [client]:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 66_000)
        [received] = closed([client], within=4)
        assert received.startswith(b"HTTP/1.1 431 ")


def test_half_open_connections_give_way_when_a_process_has_no_more(live_server_process: Servers) -> None:
    [server] = live_server_process(1, environment={"CONNECTIONS_MAX": "50"})
    with open_sockets(server, 500) as clients:
        started = time.monotonic()
        for _ in range(5):
            raw = HEALTH + b"Connection: close\r\n\r\n"
            assert exchange(server, raw)[0] == 200
        assert time.monotonic() - started < 2
        assert len(closed(clients, within=1.0)) >= 450
