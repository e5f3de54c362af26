"""Redis restarted, web processes killed, readers that don't read."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from soukloop.core.redis.client import redis_client
from soukloop.realtime.testing.servers import ServerProcess, free_port
from soukloop.realtime.tests.conftest import PROBE
from soukloop.realtime.tests.raw import Polling, RawSocket
from soukloop.realtime.tests.rooms import STREAM

Servers = Callable[..., list[ServerProcess]]


class OwnRedis:
    """A Redis that a test may kill."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    redis = OwnRedis()
    yield redis
    redis.kill()


def online() -> set[str]:
    return {member.decode() for member in redis_client().smembers("online_users")}


def eventually(condition: Callable[[], bool], within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_sockets_outlive_a_restart_of_redis_and_are_told_to_resync(
    live_server_process: Servers, own_redis: OwnRedis, bare_client: Any, sio_client: Any, token: str
) -> None:
    one, other = live_server_process(2, fresh=True, environment={**PROBE, "REDIS_URL": own_redis.url})
    here = bare_client(one, token)
    there = sio_client(other, token).wait_connected()
    for client in (here, there):
        client.call("probe:join", {"room": STREAM})
    there.call("probe:publish", {"room": STREAM, "event": "probe:said"})
    here.expect("probe:said")

    own_redis.kill()
    assert here.call("probe:whoami")["success"] is True  # what needs no Redis goes on
    assert here.call("probe:publish", {"room": STREAM, "event": "probe:said"})["success"] is True
    assert here.call("probe:join", {"room": "product.1"})["success"] is True  # subscribed once Redis is back
    own_redis.start()

    for client in (here, there):
        client.expect("resync", room=STREAM)
    assert eventually(lambda: {"room": "product.1"} in here.named("resync"))
    there.call("probe:publish", {"room": STREAM, "event": "probe:said", "count": 3})
    there.call("probe:publish", {"room": "product.1", "event": "probe:ticked"})
    for client in (here, there):
        assert [client.expect("probe:said")["n"] for _ in range(3)] == [0, 1, 2]
    here.expect("probe:ticked")
    assert (here.is_closed, there.disconnects) == (False, [])
    for server in (one, other):
        assert "Traceback" not in server.log()


def test_presence_follows_connections_and_not_the_number_of_them(
    live_server_process: Servers, bare_client: Any, token: str, buyer: User
) -> None:
    one, other = live_server_process(2, environment=PROBE)
    friend = make_user(username="testseller")
    watcher = bare_client(one, access_token_for(friend))
    watcher.expect("connected")
    first, second = bare_client(one, token), bare_client(other, token)
    assert watcher.expect("user:online")["username"] == "testbuyer"
    assert eventually(lambda: redis_client().zcard(f"presence:{buyer.pk}") == 2)
    assert online() == {str(buyer.pk), str(friend.pk)}
    first.close()
    assert watcher.hears_nothing_of("user:offline")
    assert online() == {str(buyer.pk), str(friend.pk)}
    second.close()
    assert watcher.expect("user:offline")["userId"] == str(buyer.pk)
    assert online() == {str(friend.pk)}
    assert len(watcher.named("user:online")) == 1


def test_a_killed_process_leaves_no_ghosts(
    live_server_process: Servers, bare_client: Any, token: str, buyer: User
) -> None:
    doomed, survivor = live_server_process(2, fresh=True, environment=PROBE)
    friend = make_user(username="testseller")
    watcher = bare_client(survivor, access_token_for(friend))
    watcher.expect("connected")
    ghost = bare_client(doomed, token)
    watcher.expect("user:online")
    doomed.kill()
    ghost.wait_closed()
    assert watcher.expect("user:offline", within=8)["userId"] == str(buyer.pk)
    assert online() == {str(friend.pk)}


def test_presence_comes_back_after_redis_was_flushed(
    uvicorn: ServerProcess, bare_client: Any, token: str, buyer: User
) -> None:
    client = bare_client(uvicorn, token)
    client.expect("connected")
    assert eventually(lambda: online() == {str(buyer.pk)})
    redis_client().flushdb()
    assert eventually(lambda: online() == {str(buyer.pk)})


def test_a_stopped_server_tells_its_clients_and_clears_its_presence(
    live_server_process: Servers, bare_client: Any, sio_client: Any, token: str
) -> None:
    server = live_server_process(fresh=True, environment=PROBE)[0]
    bare = bare_client(server, token)
    polling = sio_client(server, token, transports=["polling"], reconnection=False).wait_connected()
    bare.expect("connected")
    started = time.monotonic()
    server.terminate()
    assert time.monotonic() - started < 8
    assert bare.wait_closed()[0] in (1001, 1012)
    assert polling.wait_disconnected() in ("transport close", "transport error", "io server disconnect")
    assert eventually(lambda: online() == set())
    assert "Traceback" not in server.log()


def test_a_reader_that_does_not_read_is_dropped_and_slows_nobody(
    uvicorn: ServerProcess, bare_client: Any, token: str
) -> None:
    reader, sender = bare_client(uvicorn, token), bare_client(uvicorn, token)
    sluggard = _unread_member(uvicorn, token)
    reader.call("probe:join", {"room": STREAM})
    before = uvicorn.resident_bytes
    slowest = 0.0
    for _ in range(60):
        started = time.monotonic()
        many = {"room": STREAM, "event": "probe:said", "count": 25, "size": 8000}
        assert sender.call("probe:publish", many)["success"] is True
        for _ in range(25):
            reader.expect("probe:said")
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 2.0
    assert uvicorn.resident_bytes - before < 30_000_000
    assert "reads too slowly" in uvicorn.log()
    _assert_ends(sluggard)


def test_ephemeral_events_are_dropped_before_the_reader_is(
    uvicorn: ServerProcess, bare_client: Any, token: str
) -> None:
    sender = bare_client(uvicorn, token)
    sluggard = _unread_member(uvicorn, token)
    lines = uvicorn.log().count("reads too slowly")
    for _ in range(20):
        many = {"room": STREAM, "event": "probe:ticked", "count": 100, "size": 8000}
        sender.call("probe:publish", many)
    sender.call("probe:publish", {"room": STREAM, "event": "probe:said"})
    time.sleep(0.5)
    assert uvicorn.log().count("reads too slowly") == lines
    received = b""
    sluggard.settimeout(5)
    while b'"probe:said"' not in received:
        chunk = sluggard.recv(1 << 20)
        assert chunk
        received = received[-100:] + chunk


def test_a_polling_client_that_stops_polling_is_bounded(uvicorn: ServerProcess, token: str) -> None:
    client = Polling(uvicorn)
    client.post(b'40{"token":"' + token.encode() + b'"}')
    while b"connected" not in client.get()[1]:
        pass
    client.post(f'42["probe:join",{{"room":"{STREAM}"}}]'.encode())
    for _ in range(5):
        command = f'42["probe:publish",{{"room":"{STREAM}","event":"probe:said","count":100}}]'
        client.post(command.encode())
    time.sleep(1)
    assert client.get()[0] == 400


def _unread_member(server: ServerProcess, token: str) -> socket.socket:
    member = RawSocket(server, "/ws/", token)
    member.until(b"connected")
    member.send(f'{{"event": "probe:join", "data": {{"room": "{STREAM}"}}, "id": 1}}'.encode())
    member.until(b'"ack"')
    return member.socket


def _assert_ends(member: socket.socket) -> None:
    member.settimeout(10)
    tail = b""
    try:
        while chunk := member.recv(1 << 20):
            tail = (tail + chunk)[-200:]
    except ConnectionError:
        return
    assert b"too slowly" in tail
