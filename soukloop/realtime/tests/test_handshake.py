"""Which connections are admitted, how others are refused, and which are closed later."""

import http.client
import json
import urllib.request
from typing import Any

import pytest
import time_machine
from django.db import transaction

from accounts.models import User
from accounts.services.tickets import issue_ws_ticket
from accounts.tokens import access_token_for
from soukloop.core.http.origins import is_trusted_origin
from soukloop.realtime.publisher import publisher
from soukloop.realtime.sessions import close_user_sessions_on_commit
from soukloop.realtime.testing.servers import ServerProcess


def test_a_connection_with_its_token_in_the_url_is_refused_with_a_reason(
    server: ServerProcess, bare_client: Any, token: str
) -> None:
    client = bare_client(server, path=f"/ws/?token={token}")
    assert client.expect("error") == {
        "code": "credentials_missing",
        "message": "Authentication is required. Send a token or a ticket.",
        "details": {},
    }
    code, reason = client.wait_closed()
    assert code == 4401
    assert reason == (
        "" if server.server == "daphne" else "Authentication is required. Send a token or a ticket."
    )


def test_bad_and_expired_tokens_are_refused(
    server: ServerProcess, bare_client: Any, buyer: User, token: str
) -> None:
    assert bare_client(server, token + "x").expect("error")["code"] == "token_invalid"
    assert bare_client(server, "caf\u00e9").expect("error")["code"] == "token_invalid"
    with time_machine.travel("2020-01-01T00:00:00Z"):
        expired = access_token_for(buyer)
    assert bare_client(server, expired).expect("error")["code"] == "token_expired"


def test_a_ticket_opens_one_socket(server: ServerProcess, bare_client: Any, buyer: User) -> None:
    ticket = issue_ws_ticket(actor=buyer)
    client = bare_client(server, path=f"/ws/?ticket={ticket}")
    assert client.expect("connected")["userId"] == str(buyer.pk)
    again = bare_client(server, path=f"/ws/?ticket={ticket}")
    assert again.expect("error")["code"] == "ticket_invalid"
    assert again.wait_closed()[0] == 4401
    assert ticket not in server.log()


def test_white_space_around_a_token_is_ignored_as_in_rest(
    server: ServerProcess, bare_client: Any, sio_client: Any, token: str, buyer: User
) -> None:
    for header in (f"Bearer  {token}", f"bearer {token} ", f"  Bearer\t{token}"):
        asked = urllib.request.Request(f"{server.url}/api/v1/auth/me", headers={"Authorization": header})
        with urllib.request.urlopen(asked, timeout=10) as response:
            assert response.status == 200
        bare_client(server, headers={"Authorization": header}).expect("connected")
    for auth in ({"token": f" {token}\n"}, {"ticket": f" {issue_ws_ticket(actor=buyer)} "}):
        sio_client(server, auth=auth).wait_connected()
    ticket = issue_ws_ticket(actor=buyer)
    bare_client(server, path=f"/ws/?ticket=%20{ticket}%20").expect("connected")


def test_a_page_of_another_site_is_refused(
    server: ServerProcess, bare_client: Any, sio_client: Any, token: str
) -> None:
    stranger = bare_client(server, token, origin="https://evil.example")
    assert stranger.expect("error")["code"] == "origin_not_allowed"
    assert stranger.wait_closed()[0] == 4403
    own = f"127.0.0.1:{server.port}"
    for ours in (
        f"http://{own}",
        f"ws://{own}",
        f"wss://{own}",
        "http://localhost:8000",
        "wss://localhost:8000",
    ):
        bare_client(server, token, origin=ours).expect("connected")
    extra = {"extraHeaders": {"Origin": "https://evil.example"}, "reconnection": False}
    for transport in ("polling", "websocket"):
        client = sio_client(server, token, transports=[transport], **extra)
        assert client.wait_refused()["message"] in ("xhr poll error", "websocket error")
        assert client.connected == 0


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_socketio_answers_a_page_of_another_site_with_an_error_of_the_usual_shape(
    server: ServerProcess, transport: str
) -> None:
    headers = {"Origin": "https://evil.example"}
    if transport == "websocket":
        headers |= {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
    for method in ("GET",) if transport == "websocket" else ("GET", "POST", "OPTIONS"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request(method, f"/socket.io/?EIO=4&transport={transport}", headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        assert response.status == 403
        assert response.headers["Access-Control-Allow-Origin"] is None
        if transport == "polling" or server.server == "uvicorn":
            assert json.loads(body) == {
                "success": False,
                "error": {
                    "code": "origin_not_allowed",
                    "message": "Connections from this site are not allowed.",
                    "details": {},
                },
            }


@pytest.mark.parametrize("is_debugging", [True, False])
def test_only_an_origin_with_the_right_scheme_host_and_port_is_trusted(
    settings: Any, is_debugging: bool
) -> None:
    settings.DEBUG = is_debugging
    settings.TRUSTED_ORIGINS = ["https://shop.example", "http://10.0.0.5:3000"]
    host = "api.example:8000"
    for origin in (
        "https://shop.example",
        "https://shop.example:443",
        "wss://SHOP.example",
        "http://10.0.0.5:3000",
        "http://api.example:8000",
        "https://api.example:8000",
    ):
        assert is_trusted_origin(origin, host), origin
    for origin in (
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.com",
        "https://evilshop.example",
        "https://shop.example@evil.com",
        "https://shop.example/path",
        "http://10.0.0.5:3000.evil.com",
        "http://10.0.0.5:30001",
        "http://api.example",
        "http://api.example:8000.evil.com",
        "http://evil.com#http://api.example:8000",
        "http://evil.com\\@api.example:8000",
        "http://localhost:8200.evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1:8200.evil.com",
        "http://[::1].evil.com",
        "http://[::1]:8200.evil.com",
        "http://localhost:8200,http://evil.com",
        "http://localhost:8200 http://evil.com",
        "http://user@localhost:8200",
        "null",
        "file://localhost",
        "localhost",
        "http://",
    ):
        assert not is_trusted_origin(origin, host), origin
    for own in ("http://localhost:5173", "http://127.0.0.1", "http://[::1]:8000"):
        assert is_trusted_origin(own, host) is is_debugging
    assert is_trusted_origin("https://api.example", "api.example")
    assert is_trusted_origin("https://api.example", "api.example:443")
    assert not is_trusted_origin("http://api.example", "api.example.evil.com")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_the_own_address_with_more_after_its_port_is_refused(
    uvicorn: ServerProcess, bare_client: Any, sio_client: Any, token: str, transport: str
) -> None:
    # daphne refuses such an origin itself, before our code sees the handshake.
    for host in ("localhost", "127.0.0.1"):
        origin = f"http://{host}:{uvicorn.port}.evil.com"
        assert bare_client(uvicorn, token, origin=origin).expect("error")["code"] == "origin_not_allowed"
        extra = {"extraHeaders": {"Origin": origin}, "reconnection": False}
        client = sio_client(uvicorn, token, transports=[transport], **extra)
        client.wait_refused()
        assert client.connected == 0


def test_a_ban_or_logout_closes_the_users_sockets_within_two_seconds(
    server: ServerProcess, bare_client: Any, sio_client: Any, token: str, buyer: User
) -> None:
    bare = bare_client(server, token)
    bare.expect("connected")
    polling = sio_client(server, token, transports=["polling"]).wait_connected()
    upgraded = sio_client(server, token, transports=["websocket"]).wait_connected()
    for client in (polling, upgraded):
        client.expect("connected")
    with transaction.atomic():
        close_user_sessions_on_commit(buyer.pk, "You were logged out everywhere.")
    publisher.flush()
    assert bare.wait_closed(within=2)[0] == 4401
    assert bare.expect("error") == {
        "code": "session_ended",
        "message": "You were logged out everywhere.",
        "details": {},
    }
    for client in (polling, upgraded):
        assert client.wait_disconnected(within=2) == "io server disconnect"
        assert client.expect("error")["code"] == "session_ended"


def test_a_logout_that_redis_could_not_announce_is_detected_by_the_heartbeat(
    uvicorn: ServerProcess, bare_client: Any, token: str, buyer: User
) -> None:
    client = bare_client(uvicorn, token)
    client.expect("connected")
    User.objects.filter(pk=buyer.pk).update(token_version=1)
    assert client.wait_closed(within=5)[0] == 4401
