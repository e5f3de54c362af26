"""The standard JavaScript client with real server processes."""

from typing import Any

from accounts.models import User
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.tests.conftest import PROBE
from soukloop.realtime.tests.rooms import STREAM


def test_with_its_defaults_a_client_polls_first_and_then_upgrades(
    server: ServerProcess, sio_client: Any, buyer: User, token: str
) -> None:
    client = sio_client(server, token).wait_connected()
    assert client.expect("connected")["userId"] == str(buyer.pk)
    client.wait_upgraded()
    assert client.transports == ["polling", "websocket"]
    assert client.call("probe:whoami")["data"]["username"] == "testbuyer"


def test_each_transport_alone_supports_commands_acknowledgements_and_events(
    server: ServerProcess, sio_client: Any, token: str
) -> None:
    for transport in ("websocket", "polling"):
        client = sio_client(server, token, transports=[transport]).wait_connected()
        client.expect("connected")
        ack = client.call("probe:join", {"room": STREAM})
        assert ack["success"] is True
        assert STREAM in ack["data"]["rooms"]
        client.send("probe:publish", {"room": STREAM, "event": "probe:said", "count": 20})
        assert [client.expect("probe:said")["n"] for _ in range(20)] == list(range(20))
        assert client.transports == [transport]


def test_events_keep_their_order_across_the_upgrade(
    server: ServerProcess, sio_client: Any, token: str
) -> None:
    client = sio_client(server, token).wait_connected()
    client.send("probe:join", {"room": STREAM})
    for _ in range(3):
        client.send("probe:publish", {"room": STREAM, "event": "probe:said", "count": 50})
    numbers = [client.expect("probe:said")["n"] for _ in range(150)]
    assert numbers == list(range(50)) * 3


def test_a_refused_client_receives_the_reason_and_its_code(
    server: ServerProcess, sio_client: Any, token: str
) -> None:
    misplaced = sio_client(server, query={"token": token}).wait_refused()
    assert misplaced == {
        "message": "Authentication is required. Send a token or a ticket.",
        "data": {"code": "credentials_missing", "details": {}},
    }
    forged = sio_client(server, token[:-3] + "abc").wait_refused()
    assert forged["data"]["code"] == "token_invalid"


def test_a_client_that_lost_its_connection_reconnects(
    server: ServerProcess, sio_client: Any, token: str
) -> None:
    client = sio_client(server, token).wait_connected()
    client.order(op="drop")
    client.wait_connected(times=2)
    assert client.call("probe:whoami")["success"] is True


def test_a_failed_command_without_acknowledgement_is_answered_with_an_error_event(
    server: ServerProcess, sio_client: Any, token: str
) -> None:
    client = sio_client(server, token).wait_connected()
    client.send("probe:refuse")
    assert client.expect("error") == {
        "event": "probe:refuse",
        "code": "conflict",
        "message": "No.",
        "details": {"why": "because"},
    }


def test_other_namespaces_are_refused(server: ServerProcess, sio_client: Any, token: str) -> None:
    server.url += "/admin"
    try:
        refused = sio_client(server, token).wait_refused()
    finally:
        server.url = server.url.removesuffix("/admin")
    assert refused["message"] == "Unknown namespace."


def test_uvicorn_serves_the_same_without_our_protocol(
    live_server_process: Any, bare_client: Any, sio_client: Any, token: str
) -> None:
    stock = live_server_process(server="uvicorn-stock", environment=PROBE)[0]
    clients = [bare_client(stock, token), sio_client(stock, token).wait_connected()]
    for client in clients:
        assert client.call("probe:join", {"room": STREAM})["success"] is True
    clients[0].call("probe:publish", {"room": STREAM, "event": "probe:said", "count": 200})
    for client in clients:
        assert [client.expect("probe:said")["n"] for _ in range(200)] == list(range(200))
