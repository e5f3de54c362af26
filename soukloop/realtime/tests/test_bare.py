"""Plain WebSockets against real server processes."""

import json
import socket
import threading
import time
import uuid
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until
from soukloop.realtime.tests.rooms import OTHER_STREAM, STREAM


def test_a_connection_receives_connected_and_its_commands_are_acknowledged(
    server: ServerProcess, bare_client: Any, buyer: User, token: str
) -> None:
    client = bare_client(server, token)
    connected = client.expect("connected")
    assert connected["userId"] == str(buyer.pk)
    assert connected["username"] == "testbuyer"
    ack = client.call("probe:whoami")
    assert ack["success"] is True
    assert ack["data"]["userId"] == str(buyer.pk)


def test_commands_of_one_connection_run_in_order_and_of_several_connections_in_parallel(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    clients = [bare_client(server, token) for _ in range(8)]
    started = time.monotonic()
    threads = [
        threading.Thread(target=client.call, args=("probe:wait", {"seconds": 0.5})) for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 3.0  # sequentially they would take 4 s
    for n in range(20):
        frame = {"event": "probe:wait", "id": str(n), "data": {"seconds": 0.001, "n": n}}
        clients[0].socket.send(json.dumps(frame))
    assert [clients[0].wait_for_ack(str(n))["data"]["n"] for n in range(20)] == list(range(20))


def test_events_reach_only_the_rooms_members_and_in_order(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    member, outsider, sender = (bare_client(server, token) for _ in range(3))
    assert member.call("probe:join", {"room": STREAM})["success"] is True
    sender.call("probe:publish", {"room": STREAM, "event": "probe:said", "count": 100})
    assert [member.expect("probe:said")["n"] for _ in range(100)] == list(range(100))
    member.call("probe:leave", {"room": STREAM})
    sender.call("probe:publish", {"room": STREAM, "event": "probe:said"})
    assert member.receives_no("probe:said")
    assert outsider.named("probe:said") == []


def test_an_event_published_on_commit_can_exclude_the_members_of_another_room(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    one, other = bare_client(server, token), bare_client(server, token)
    for client in (one, other):
        client.call("probe:join", {"room": STREAM})
    one.call("probe:join", {"room": OTHER_STREAM})
    one.call("probe:publish", {"room": STREAM, "event": "probe:said", "exclude_members_of": OTHER_STREAM})
    assert other.expect("probe:said") == {"n": 0}
    assert one.receives_no("probe:said")


def test_errors_have_the_same_codes_as_in_rest(server: ServerProcess, bare_client: Any, token: str) -> None:
    client = bare_client(server, token)
    assert client.call("probe:refuse") == {
        "success": False,
        "error": {"code": "conflict", "message": "No.", "details": {"why": "because"}},
    }
    assert client.call("probe:join", {})["error"] == {
        "code": "validation_error",
        "message": "Some fields are missing or invalid.",
        "details": {"room": ["This field is required."]},
    }
    assert client.call("probe:join", [1])["error"]["details"] == {"data": ["The data must be an object."]}
    assert client.call("nobody:knows")["error"]["code"] == "unknown_event"
    client.send("probe:refuse")
    assert client.expect("error")["event"] == "probe:refuse"
    before = server.log().count("Traceback")
    assert client.call("probe:crash")["error"]["code"] == "server_error"
    assert server.log().count("Traceback") == before + 1


def test_a_command_has_its_own_rate_limit(server: ServerProcess, bare_client: Any, token: str) -> None:
    client = bare_client(server, token)
    assert [client.call("probe:limited")["success"] for _ in range(10)] == [True] * 10
    refused = client.call("probe:limited")["error"]
    assert refused["code"] == "rate_limited"
    assert 55 <= refused["details"]["retry_after"] <= 60


def test_refused_commands_do_not_count_against_the_limit_of_what_they_do(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    client = bare_client(server, token)
    refusals = [client.call("probe:limited", ["not an object"])["error"]["code"] for _ in range(12)]
    assert refusals == ["validation_error"] * 12
    assert [client.call("probe:limited")["success"] for _ in range(11)] == [True] * 10 + [False]


def test_commands_return_their_database_connection_to_the_pool(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    clients = [bare_client(server, token) for _ in range(30)]
    for client in clients:
        assert client.call("probe:people")["data"]["count"] == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        )
        assert cursor.fetchone()[0] == 1  # this one


def test_leave_hooks_run_when_a_connection_leaves_a_room_and_when_it_is_lost(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    watcher, leaver, vanisher = (bare_client(server, token) for _ in range(3))
    watcher.call("probe:join", {"room": "product.1"})
    leaver.call("probe:join", {"room": STREAM})
    leaver.call("probe:leave", {"room": STREAM})
    assert watcher.expect("probe:left")["room"] == STREAM
    leaver.call("probe:leave", {"room": STREAM})  # not in it: nothing happens
    vanisher.call("probe:join", {"room": OTHER_STREAM})
    vanisher.socket.socket.shutdown(socket.SHUT_RDWR)
    assert watcher.expect("probe:left")["room"] == OTHER_STREAM
    assert len(watcher.named("probe:left")) == 2


def test_frequent_reactions_are_merged_and_none_is_lost(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    client = bare_client(server, token)
    room = f"stream.{uuid.uuid4()}"  # a server merges the events of all processes in its room
    client.call("probe:join", {"room": room})
    began = time.monotonic()
    for _ in range(5):
        client.call("probe:publish", {"room": room, "event": "probe:reacted", "count": 100})

    def counted() -> int:
        return sum(reaction.get("count", 1) for reaction in client.named("probe:reacted"))

    wait_until(lambda: counted() >= 500, "all reactions")
    assert counted() == 500
    reactions = client.named("probe:reacted")
    # In each second 20 pass as they are, and at most one merged event in each tick of 250 ms.
    assert len(reactions) <= 24 * (time.monotonic() - began + 1)
    assert reactions[:20] == [{"n": n} for n in range(20)]


@pytest.mark.parametrize("path", ["/ws/conversations/{id}/", "/ws/streams/{id}/"])
def test_a_connection_to_a_rooms_path_is_closed_with_the_reason_if_it_may_not_join(
    server: ServerProcess, bare_client: Any, token: str, path: str
) -> None:
    client = bare_client(server, token, path=path.format(id=uuid.uuid4()))
    client.expect("connected")
    client.expect("error")
    code, reason = client.wait_closed()
    assert code == 4404
    if server.server != "daphne":  # which sends no reasons
        assert reason


def test_unknown_paths_are_closed_with_a_reason(server: ServerProcess, bare_client: Any, token: str) -> None:
    client = bare_client(server, token, path="/nowhere/")
    assert client.expect("error")["code"] == "unknown_url"
    assert client.wait_closed()[0] == 4404
