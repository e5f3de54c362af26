"""Connections without a token: who they are, what they may send, how many there may be."""

from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from accounts.models import User
from accounts.services import moderation
from accounts.tests.factories import make_staff
from accounts.tokens import access_token_for
from soukloop.core.errors import DomainError, RateLimited, Unavailable
from soukloop.core.redis.client import redis_client
from soukloop.realtime import dispatch
from soukloop.realtime.commands import COMMANDS
from soukloop.realtime.events import EVENTS
from soukloop.realtime.guests import OpenGuests
from soukloop.realtime.sessions import Guest, Session
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until
from soukloop.realtime.tests.conftest import PROBE
from soukloop.realtime.tests.rooms import STREAM

REFUSAL = {"code": "unauthorized", "message": "Authentication is required.", "details": {}}


def test_a_client_without_a_token_or_with_an_empty_one_is_a_guest(
    server: ServerProcess, bare_client: Any, sio_client: Any
) -> None:
    clients = [
        bare_client(server),
        bare_client(server, ""),
        bare_client(server, path="/ws/?ticket="),
        bare_client(server, headers={"Authorization": "Basic eDp5"}),
        sio_client(server),
        sio_client(server, auth={"token": ""}),
        polling := sio_client(server, auth={"token": None}, transports=["polling"]),
        sio_client(server, auth={"ticket": ""}, transports=["websocket"]),
    ]
    for client in clients:
        connected = client.expect("connected")
        assert (connected["guest"], connected["userId"], connected["username"]) == (True, None, None)
    polling.order(op="disconnect")  # else its request would wait on, in the server of other tests
    polling.wait_disconnected()


def test_a_client_with_a_token_is_no_guest(
    server: ServerProcess, bare_client: Any, sio_client: Any, token: str, buyer: User
) -> None:
    for client in (bare_client(server, token), sio_client(server, token)):
        connected = client.expect("connected")
        assert (connected["guest"], connected["userId"]) == (False, str(buyer.pk))


def test_a_wrong_token_makes_no_guest(
    uvicorn: ServerProcess, bare_client: Any, sio_client: Any, token: str, buyer: User
) -> None:
    moderation.ban_user(actor=make_staff(is_superuser=True), user_id=buyer.pk, reason="Fraud")
    banned = {bare_client(uvicorn, token).expect("error")["code"]}
    banned.add(sio_client(uvicorn, token).wait_refused()["data"]["code"])
    assert banned == {"account_banned"}
    for wrong in ("nonsense", 7, ["x"], {"x": 1}):
        refused = sio_client(uvicorn, auth={"token": wrong}).wait_refused()
        assert refused["data"]["code"] == "token_invalid"
    bare = bare_client(uvicorn, path="/ws/?ticket=nonsense")
    assert bare.expect("error")["code"] == "ticket_invalid"


def test_a_token_in_the_url_is_refused_over_both_transports(
    uvicorn: ServerProcess, bare_client: Any, sio_client: Any, token: str
) -> None:
    assert bare_client(uvicorn, path=f"/ws/?token={token}").expect("error")["code"] == "credentials_missing"
    refused = sio_client(uvicorn, query={"token": token}).wait_refused()
    assert refused["data"]["code"] == "credentials_missing"


def test_anything_but_joining_and_leaving_a_stream_is_unauthorized_for_a_guest(
    server: ServerProcess, bare_client: Any, sio_client: Any
) -> None:
    assert {name for name, command in COMMANDS.items() if command.for_guests} == {
        "stream:join",
        "stream:leave",
    }
    for guest in (bare_client(server), sio_client(server).wait_connected()):
        guest.expect("connected")
        for command in ("app:foreground", "message:send", "probe:whoami", "no:such", ""):
            assert guest.call(command, {}) == {"success": False, "error": REFUSAL}, command
        assert guest.call("probe:join", {"room": STREAM})["error"] == REFUSAL
        assert guest.call("stream:leave", {"stream_id": str(uuid4())})["success"] is True


def test_a_command_without_acknowledgement_and_a_room_s_path_tell_a_guest_too(
    uvicorn: ServerProcess, bare_client: Any, sio_client: Any
) -> None:
    for guest in (bare_client(uvicorn), sio_client(uvicorn).wait_connected()):
        guest.send("app:foreground")
        assert guest.expect("error") == {"event": "app:foreground", **REFUSAL}
    at_a_path = bare_client(uvicorn, path=f"/ws/conversations/{uuid4()}/")
    assert at_a_path.expect("error") == {"event": "conversation:join", **REFUSAL}
    assert at_a_path.wait_closed()[0] == 4401


def test_guests_are_not_present_and_are_left_alone_when_a_login_ends(
    uvicorn: ServerProcess, bare_client: Any, token: str, buyer: User
) -> None:
    guest, user = bare_client(uvicorn), bare_client(uvicorn, token)
    for client in (guest, user):
        client.expect("connected")
    wait_until(lambda: redis_client().smembers("online_users") == {str(buyer.pk).encode()}, "presence")
    assert redis_client().zrange("presence", 0, -1) == [str(buyer.pk).encode()]
    User.objects.filter(pk=buyer.pk).update(token_version=1)
    assert user.wait_closed(within=5)[0] == 4401
    assert guest.call("stream:leave", {"stream_id": str(uuid4())})["success"] is True
    guest.close()
    wait_until(lambda: not redis_client().exists("online_users"), "nobody online")


def test_guests_of_one_address_are_bounded_and_keep_no_user_out(
    live_server_process: Any, bare_client: Any, sio_client: Any, buyer: User
) -> None:
    limits = {"SOCKET_GUESTS_PER_ADDRESS_MAX": "2", "RATE_LIMIT_EXEMPT_LOOPBACK": "false"}
    [server] = live_server_process(environment={**PROBE, **limits})
    first, second = bare_client(server), sio_client(server).wait_connected()
    first.expect("connected")
    refused = bare_client(server)
    assert refused.expect("error")["code"] == "rate_limited"
    assert refused.wait_closed()[0] == 4429
    assert sio_client(server, reconnection=False).wait_refused()["data"]["code"] == "rate_limited"
    bare_client(server, access_token_for(buyer)).expect("connected")

    first.close()
    second.close()

    def are_two_let_in() -> bool:
        clients = [bare_client(server), bare_client(server)]
        wait_until(lambda: all(client.events for client in clients), "answers")
        return all(client.named("connected") for client in clients)

    wait_until(are_two_let_in, "places of guests who left")


def test_guests_are_counted_by_network_and_in_all(settings: Any) -> None:
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False
    settings.SOCKET_GUESTS_MAX, settings.SOCKET_GUESTS_PER_ADDRESS_MAX = 3, 2
    guests = OpenGuests()
    guests.add("2001:db8::1")
    guests.add("2001:db8::2")  # the same /64: one subscriber
    with pytest.raises(RateLimited):
        guests.add("2001:db8::3")
    guests.add("192.0.2.1")
    with pytest.raises(Unavailable):
        guests.add("192.0.2.2")
    for address in ("2001:db8::1", "2001:db8::2", "192.0.2.1"):
        guests.remove(address)
    assert (len(guests), guests._by_subject) == (0, {})


def test_commands_of_guests_are_limited_by_address(settings: Any) -> None:
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False
    settings.RATE_LIMITS_BY_ADDRESS = {"socket_command": (3, 60)}

    def code_for(address: str) -> str:
        session = Session(uuid4().hex, Guest(address), Mock())
        with pytest.raises(DomainError) as refused:
            dispatch._execute(session, "app:foreground", {})
        return str(refused.value.code)

    assert [code_for("192.0.2.1") for _ in range(4)] == ["unauthorized"] * 3 + ["rate_limited"]
    assert code_for("192.0.2.2") == "unauthorized"


def test_guests_get_what_people_do_for_everybody_to_see_and_nothing_else() -> None:
    """A new event is not for guests until somebody has thought about it, and changed this list."""
    assert {name for name, event in EVENTS.items() if event.for_guests} == {
        *("connected", "error", "resync", "server:shutdown"),
        *("stream:joined", "stream:left", "stream:ended", "stream:interrupted", "stream:resumed"),
        *("stream:replay_ready", "chat:message", "chat:deleted", "chat:settings", "reaction:new"),
        *("product:tagged", "product:untagged", "product:sold", "offer:feed", "viewer:count"),
        *("product:reserved", "product:available"),
    }
