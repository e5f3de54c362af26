"""Redis restarts, killed web processes, clients that don't read."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from soukloop.core.redis.client import redis_client
from soukloop.realtime.testing.redis_process import RedisProcess
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until
from soukloop.realtime.tests.conftest import PROBE
from soukloop.realtime.tests.raw import Polling, RawSocket
from soukloop.realtime.tests.rooms import STREAM

pytestmark = pytest.mark.faults

Servers = Callable[..., list[ServerProcess]]


def online() -> set[str]:
    return {member.decode() for member in redis_client().smembers("online_users")}


def test_sockets_stay_open_when_redis_restarts_and_receive_resync(
    live_server_process: Servers, own_redis: RedisProcess, bare_client: Any, sio_client: Any, token: str
) -> None:
    one, other = live_server_process(2, fresh=True, environment={**PROBE, "REDIS_URL": own_redis.url})
    here = bare_client(one, token)
    there = sio_client(other, token).wait_connected()
    for client in (here, there):
        client.call("probe:join", {"room": STREAM})
    there.call("probe:publish", {"room": STREAM, "event": "probe:said"})
    here.expect("probe:said")

    own_redis.kill()
    assert here.call("probe:whoami")["success"] is True  # works without Redis
    assert here.call("probe:publish", {"room": STREAM, "event": "probe:said"})["success"] is True
    assert here.call("probe:join", {"room": "conversation.1"})["success"] is True  # subscribed later
    own_redis.start()

    for client in (here, there):
        client.expect("resync", room=STREAM)
    wait_until(lambda: {"room": "conversation.1"} in here.named("resync"), "resync")
    there.call("probe:publish", {"room": STREAM, "event": "probe:said", "count": 3})
    there.call("probe:publish", {"room": "conversation.1", "event": "probe:ticked"})
    for client in (here, there):
        assert [client.expect("probe:said")["n"] for _ in range(3)] == [0, 1, 2]
    here.expect("probe:ticked")
    assert (here.is_closed, there.disconnects) == (False, [])
    for server in (one, other):
        assert "Traceback" not in server.log()


def test_clients_are_told_of_a_shutdown_with_a_delay_of_their_own(
    live_server_process: Servers, bare_client: Any, sio_client: Any, token: str
) -> None:
    [server] = live_server_process(1, fresh=True, environment=PROBE)
    bare = [*(bare_client(server, token) for _ in range(7)), bare_client(server)]  # the last is a guest
    upgraded = sio_client(server, token, reconnection=False).wait_connected()
    upgraded.wait_upgraded()
    polling = sio_client(server, token, transports=["polling"], reconnection=False).wait_connected()
    clients = [*bare, upgraded, polling]
    for client in clients:
        client.expect("connected")

    started = time.monotonic()
    server.terminate()
    delays = [client.expect("server:shutdown")["reconnectAfterMs"] for client in clients]
    assert time.monotonic() - started < 5  # a polling client does not hold the server up either
    assert all(0 <= delay <= 30_000 for delay in delays)
    assert len(set(delays)) > 5  # each its own
    for client, delay in zip(bare, delays, strict=False):
        assert client.wait_closed() == (1012, f"The server restarts. Connect again in {delay / 1000:.0f} s.")
    # Not "io server disconnect", after which the client would not connect again by itself.
    assert {upgraded.wait_disconnected(), polling.wait_disconnected()} <= {
        "transport close",
        "transport error",
    }
    assert "Traceback" not in server.log()


def test_a_request_that_is_running_is_answered_during_a_shutdown(live_server_process: Servers) -> None:
    [server] = live_server_process(1, fresh=True)
    body = b'{"identifier": "nobody@example.com", "password": "wrong-password"}'
    head = (
        f"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(head.encode() + body[:10])
        time.sleep(0.3)  # the request has arrived, its body has not
        server.process.terminate()
        time.sleep(0.3)
        client.sendall(body[10:])
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")
    server.terminate()


def test_a_user_goes_offline_with_the_last_connection(
    live_server_process: Servers, bare_client: Any, token: str, buyer: User
) -> None:
    one, other = live_server_process(2, environment=PROBE)
    friend = make_user(username="testseller")
    watcher = bare_client(one, access_token_for(friend))
    watcher.expect("connected")
    first, second = bare_client(one, token), bare_client(other, token)
    assert watcher.expect("user:online")["username"] == "testbuyer"
    wait_until(lambda: redis_client().zcard(f"presence:{buyer.pk}") == 2, "two connections")
    assert online() == {str(buyer.pk), str(friend.pk)}
    first.close()
    assert watcher.receives_no("user:offline")
    assert online() == {str(buyer.pk), str(friend.pk)}
    second.close()
    assert watcher.expect("user:offline")["userId"] == str(buyer.pk)
    assert online() == {str(friend.pk)}
    assert len(watcher.named("user:online")) == 1


def test_users_of_a_killed_process_go_offline(
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
    assert watcher.expect("user:offline", within=20)["userId"] == str(buyer.pk)
    assert online() == {str(friend.pk)}


def test_presence_is_restored_after_redis_was_flushed(
    uvicorn: ServerProcess, bare_client: Any, token: str, buyer: User
) -> None:
    client = bare_client(uvicorn, token)
    client.expect("connected")
    wait_until(lambda: online() == {str(buyer.pk)}, "presence")
    redis_client().flushdb()
    wait_until(lambda: online() == {str(buyer.pk)}, "presence again")


def test_a_stopped_server_closes_its_connections_and_clears_its_presence(
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
    wait_until(lambda: online() == set(), "empty presence")
    assert "Traceback" not in server.log()


def test_a_client_that_does_not_read_is_closed_and_slows_no_other(
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


def test_a_slow_client_loses_ephemeral_events_before_it_is_closed(
    uvicorn: ServerProcess, bare_client: Any, token: str
) -> None:
    sender = bare_client(uvicorn, token)
    sender.call("probe:join", {"room": STREAM})
    sluggard = _unread_member(uvicorn, token)
    lines = uvicorn.log().count("reads too slowly")
    for _ in range(20):
        many = {"room": STREAM, "event": "probe:ticked", "count": 100, "size": 8000}
        sender.call("probe:publish", many)
    sender.call("probe:publish", {"room": STREAM, "event": "probe:said"})
    sender.expect("probe:said")  # by now all of it has been handed to the one that doesn't read
    assert uvicorn.log().count("reads too slowly") == lines
    received = b""
    sluggard.settimeout(5)
    while b'"probe:said"' not in received:
        chunk = sluggard.recv(1 << 20)
        assert chunk
        received = received[-100:] + chunk


def test_the_backlog_of_a_client_that_stops_polling_is_bounded(
    uvicorn: ServerProcess, bare_client: Any, token: str
) -> None:
    watcher = bare_client(uvicorn, token)
    watcher.call("probe:join", {"room": STREAM})
    client = Polling(uvicorn)
    client.post(b'40{"token":"' + token.encode() + b'"}')
    while b"connected" not in client.get()[1]:
        pass
    client.post(f'42["probe:join",{{"room":"{STREAM}"}}]'.encode())
    for _ in range(5):
        watcher.call("probe:publish", {"room": STREAM, "event": "probe:said", "count": 100})
    wait_until(lambda: len(watcher.named("probe:said")) == 500, "all events at a client that reads")
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
