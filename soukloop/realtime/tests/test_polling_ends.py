"""However a polling session ends, its requests are answered at once and nothing of it stays in the server."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from soukloop.realtime.testing.clients import BareClient
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until
from soukloop.realtime.tests.conftest import PROBE
from soukloop.realtime.tests.raw import Polling, RawSocket

Servers = Callable[..., list[ServerProcess]]

WITHIN = 2.0  # seconds
REQUEST = "RequestResponseCycle.run_asgi"  # uvicorn's task for an HTTP request
WEBSOCKET = "WSProtocol.run_asgi"

# Everything but close, pong and a message, which are the packets that a client may send.
REFUSED = [
    *(f"{number}".encode() for number in (0, 2, 5, 6, 7, 8, 9)),
    b"2probe",
    b"x",
    b"bAAAA",
    b"\x00",
    b"d=6",
]


@pytest.fixture
def neighbour(uvicorn: ServerProcess, bare_client: Any, token: str) -> BareClient:
    client: BareClient = bare_client(uvicorn, token)
    client.expect("connected")
    expect_no_task(client, seconds=40)  # of an earlier test, whose client was gone while it polled
    return client


def running(client: BareClient, name: str) -> int:
    tasks: dict[str, int] = client.call("probe:tasks")["data"]["tasks"]
    return tasks.get(name, 0)


def expect_no_task(client: BareClient, name: str = REQUEST, *, seconds: float = 10) -> None:
    wait_until(lambda: running(client, name) == 0, f"end of {name}", seconds=seconds)


def log_in(server: ServerProcess, token: str) -> Polling:
    client = Polling(server)
    assert client.post(b'40{"token":"' + token.encode() + b'"}')[0] == 200
    while b"connected" not in client.get()[1]:
        pass
    return client


class Poll(threading.Thread):
    """A polling request that waits for an event."""

    def __init__(self, client: Polling) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.answer: tuple[int, bytes] | None = None
        self.start()

    def run(self) -> None:
        self.answer = self.client.get()

    def expect_answer(self) -> tuple[int, bytes]:
        self.join(WITHIN)
        assert self.answer is not None, "the poll was not answered"
        return self.answer


@pytest.mark.parametrize("is_logged_in", [False, True])
@pytest.mark.parametrize("packet", REFUSED)
def test_a_packet_that_clients_cannot_send_is_refused_at_once_and_leaves_no_task(
    uvicorn: ServerProcess, neighbour: BareClient, token: str, packet: bytes, is_logged_in: bool
) -> None:
    if is_logged_in and packet == b"bAAAA":
        pytest.skip("a connection that is logged in is told by an event, and stays open")
    tracebacks = uvicorn.log().count("Traceback")
    client = log_in(uvicorn, token) if is_logged_in else Polling(uvicorn)
    started = time.monotonic()
    status, body = client.post(packet)
    assert time.monotonic() - started < WITHIN
    assert (status, b'"bad_frame"' in body) == (400, True)
    assert client.get()[0] == 400
    expect_no_task(neighbour)
    assert uvicorn.log().count("Traceback") == tracebacks


@pytest.mark.parametrize("packet", [b"1", b"3", b"40", b"4", b"42[]", b"1\x1e42[]", b"41\x1e1\x1e3"])
def test_every_packet_that_clients_can_send_is_answered_at_once(
    uvicorn: ServerProcess, neighbour: BareClient, packet: bytes
) -> None:
    client = Polling(uvicorn)
    started = time.monotonic()
    assert client.post(packet)[0] == 200
    assert time.monotonic() - started < WITHIN
    expect_no_task(neighbour)


def _close_packet(client: Polling) -> None:
    assert client.post(b"1")[0] == 200


def _refused_packet(client: Polling) -> None:
    assert client.post(b"6")[0] == 400


def _too_large(client: Polling) -> None:
    assert client.post(b"4" + b"x" * 100_000)[0] == 413


def _flood(client: Polling) -> None:
    while client.post(b"4" + b"x" * 60_000)[0] == 200:
        pass


def _ten_bad_packets(client: Polling) -> None:
    assert client.post(b"\x1e".join([b"42[7]"] * 10))[0] == 200


def _leave_namespace(client: Polling) -> None:
    assert client.post(b"41\x1e1")[0] == 200


@pytest.mark.parametrize("polls", [1, 3])
@pytest.mark.parametrize(
    "end", [_close_packet, _refused_packet, _too_large, _flood, _ten_bad_packets, _leave_namespace]
)
def test_polls_that_wait_are_answered_when_their_session_ends(
    uvicorn: ServerProcess, neighbour: BareClient, token: str, end: Callable[[Polling], None], polls: int
) -> None:
    tracebacks = uvicorn.log().count("Traceback")
    client = log_in(uvicorn, token)
    waiting = [Poll(client) for _ in range(polls)]
    wait_until(lambda: running(neighbour, REQUEST) == polls, "waiting polls")
    end(client)
    for poll in waiting:
        poll.expect_answer()
    wait_until(lambda: client.get()[0] == 400, "end of the session", seconds=10)
    expect_no_task(neighbour)
    assert uvicorn.log().count("Traceback") == tracebacks


def test_hundreds_of_refused_packets_leave_no_memory(uvicorn: ServerProcess, neighbour: BareClient) -> None:
    def attack(times: int) -> None:
        for _ in range(times):
            assert Polling(uvicorn).post(b"6")[0] == 400

    attack(100)
    before = uvicorn.resident_bytes
    attack(300)
    expect_no_task(neighbour)
    assert uvicorn.resident_bytes - before < 8_000_000


def test_an_upgrade_that_is_left_unfinished_is_closed(
    uvicorn: ServerProcess, neighbour: BareClient, token: str
) -> None:
    client = log_in(uvicorn, token)
    silent = RawSocket(uvicorn, f"/socket.io/?EIO=4&transport=websocket&sid={client.sid}")
    silent.socket.settimeout(20)
    wrong = RawSocket(uvicorn, f"/socket.io/?EIO=4&transport=websocket&sid={client.sid}")
    wrong.send(b"6")
    assert wrong.close_code() in (None, 1000, 1006)
    assert silent.close_code() == 4408
    assert client.post(b'427["probe:whoami"]')[0] == 200
    while b"437[" not in client.get()[1]:
        pass


def test_a_server_stops_at_once_whatever_polling_clients_have_sent(
    live_server_process: Servers, token: str
) -> None:
    [server] = live_server_process(1, fresh=True, environment=PROBE)
    for packet in [b"6", b"2", b"x", b"1", b"42[]"]:
        Polling(server).post(packet)
    polls = [Poll(Polling(server)), Poll(Polling(server)), Poll(log_in(server, token))]
    time.sleep(0.3)
    started = time.monotonic()
    server.process.terminate()
    for poll in polls:
        poll.expect_answer()
    server.process.wait(timeout=10)
    # The server's own limit for requests that are running is 3 s in tests.
    assert time.monotonic() - started < 3
    assert "Traceback" not in server.log()
    assert "Cancel" not in server.log()


def test_an_attachment_is_answered_with_an_error_and_the_client_goes_on_polling(
    uvicorn: ServerProcess, token: str
) -> None:
    client = log_in(uvicorn, token)
    event = b'451-7["probe:whoami",{"_placeholder":true,"num":0}]\x1ebAAAA'
    assert client.post(event)[0] == 200
    received = b""
    while received.count(b"bad_frame") < 2:
        received += client.get()[1]
    assert b'437[{"success":false,"error":{"code":"bad_frame"' in received
    assert b'42["error",{"code":"bad_frame"' in received
    for _ in range(4):
        assert client.post(event)[0] == 200
    wait_until(lambda: client.get()[0] == 400, "end of the session", seconds=10)
