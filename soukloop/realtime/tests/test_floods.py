"""Clients that open too many sockets, or send too much over one."""

import contextlib
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from soukloop.core import jsonlib
from soukloop.realtime.members import FLOODING
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.tests.conftest import PROBE
from soukloop.realtime.tests.raw import Polling

Servers = Callable[..., list[ServerProcess]]


@pytest.fixture
def server(live_server_process: Servers) -> ServerProcess:
    [server] = live_server_process(1, environment=PROBE)
    return server


# A process of its own: the threads of the flood would hold this one's interpreter.
BYSTANDER = """
import sys, time, urllib.request
url, took = sys.argv[1], []
deadline = time.monotonic() + float(sys.argv[2])
while time.monotonic() < deadline:
    started = time.monotonic()
    urllib.request.urlopen(url, timeout=10).read()
    took.append(time.monotonic() - started)
    time.sleep(0.01)
print(*took)
"""


@contextlib.contextmanager
def bystander(server: ServerProcess, seconds: float) -> Iterator[list[float]]:
    """Ask for /healthz during these seconds, and collect how long each answer took, in seconds."""
    took: list[float] = []
    command = [sys.executable, "-c", BYSTANDER, f"{server.url}/healthz", str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    yield took
    output, _ = process.communicate(timeout=seconds + 20)
    took += map(float, output.split())


def test_the_oldest_of_too_many_sockets_of_one_person_are_closed(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    tracebacks = server.log().count("Traceback")  # of other tests of this process
    other = bare_client(server, access_token_for(make_user()))
    clients = [bare_client(server, token) for _ in range(100)]
    for client in clients[:70]:
        reason = "You have too many connections open. The oldest was closed."
        assert client.wait_closed() == (4429, reason)
        assert client.named("error")[-1]["code"] == "too_many_connections"
    for client in [*clients[70:], other]:
        assert client.call("probe:whoami")["success"] is True
    assert server.log().count("Traceback") == tracebacks


def test_sockets_that_send_large_frames_all_the_time_are_closed_and_slow_nobody_else(
    server: ServerProcess, live_server_process: Servers, bare_client: Any
) -> None:
    [_, calm] = live_server_process(2, environment=PROBE)
    frame = jsonlib.dumps({"event": "probe:whoami", "data": {"n": [0] * 30_000}}).decode()
    assert 60_000 < len(frame) < 65_536
    people = [access_token_for(make_user()) for _ in range(50)]
    flooders = [bare_client(server, token) for token in people]
    sent = [0] * len(flooders)

    def flood(number: int) -> None:
        deadline = time.monotonic() + 20
        try:
            while time.monotonic() < deadline:
                flooders[number].socket.send(frame)
                sent[number] += 1
        except ConnectionClosed:
            pass

    with bystander(server, 4.0) as took, bystander(calm, 4.0) as took_calm:
        threads = [threading.Thread(target=flood, args=(number,)) for number in range(len(flooders))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # A client that goes on sending may lose the close frame to the reset of its connection.
    ends = [flooder.wait_closed() for flooder in flooders]
    assert set(ends) <= {(4429, FLOODING), (1006, "")}
    assert ends.count((4429, FLOODING)) > 25
    p99, p99_calm = (statistics.quantiles(times, n=100)[98] for times in (took, took_calm))
    print(
        f"bystander p99 {p99 * 1000:.0f} ms of {len(took)}, {p99_calm * 1000:.0f} ms at a server that is left"
        f" alone; {sum(sent)} frames sent"
    )
    # About 0.1 s on a quiet machine; the bounds leave room for what else keeps it busy.
    assert statistics.median(took) < 0.5
    assert p99 < max(2.0, 4 * p99_calm)


def test_a_socket_that_sends_hundreds_of_small_frames_a_second_is_closed(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    client = bare_client(server, token)
    with contextlib.suppress(ConnectionClosed):
        for number in range(20_000):
            client.send("probe:whoami", {"n": number})
    assert client.wait_closed()[0] == 4429


def test_twenty_commands_a_second_are_within_the_budget(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    client = bare_client(server, token)
    for _ in range(100):
        assert client.call("probe:whoami")["success"] is True


def test_polling_that_sends_too_much_is_closed(server: ServerProcess, buyer: User) -> None:
    session = Polling(server)
    assert session.post(b"40" + jsonlib.dumps({"token": access_token_for(buyer)}))[0] == 200
    packet = b'42["probe:whoami",{"n":"' + b"x" * 60_000 + b'"}]'
    statuses = [session.post(packet)[0] for _ in range(4)]
    assert statuses[:2] == [200] * 2
    assert statuses[-1] == 400
