"""Bare WebSockets against real server processes."""

from typing import Any

from accounts.models import User
from soukloop.realtime.testing.servers import ServerProcess


def test_a_connection_is_greeted_and_its_commands_are_acknowledged(
    server: ServerProcess, bare_client: Any, buyer: User, token: str
) -> None:
    client = bare_client(server, token)
    connected = client.expect("connected")
    assert connected["userId"] == str(buyer.pk)
    assert connected["username"] == "testbuyer"
    ack = client.call("probe:whoami")
    assert ack["success"] is True
    assert ack["data"]["userId"] == str(buyer.pk)
