"""Errors over sockets are in the language of the handshake, otherwise in the account's."""

from typing import Any

import pytest

from accounts.models import User
from accounts.services.logins import log_out_everywhere
from accounts.services.tickets import issue_ws_ticket
from soukloop.realtime.members import close_reason
from soukloop.realtime.publisher import publisher
from soukloop.realtime.testing.servers import ServerProcess

BYTES = {"en": "Frames must be text.", "ar": "يجب أن تكون الإطارات نصية."}
AS_A_GUEST = {"en": "Authentication is required.", "ar": "يجب تسجيل الدخول أولًا."}
UNKNOWN = {"en": "Unknown command.", "ar": "أمر غير معروف."}


@pytest.mark.parametrize(
    ("account", "header", "language"),
    [("en", None, "en"), ("ar", None, "ar"), ("ar", "en-GB", "en"), ("en", "ar-AE", "ar")],
)
def test_acknowledgements_and_errors_have_the_language_of_the_handshake_or_the_account(
    server: ServerProcess,
    bare_client: Any,
    buyer: User,
    token: str,
    account: str,
    header: str | None,
    language: str,
) -> None:
    User.objects.filter(pk=buyer.pk).update(language=account)
    client = bare_client(server, token, headers={"Accept-Language": header} if header else {})
    client.expect("connected")
    error = client.call("nobody:knows")["error"]
    assert (error["code"], error["message"]) == ("unknown_event", UNKNOWN[language])
    client.socket.send(b"bytes")
    assert client.expect("error")["message"] == BYTES[language]


def test_a_page_can_name_the_language_of_its_socket_whatever_its_browser_prefers(
    server: ServerProcess, bare_client: Any, sio_client: Any, buyer: User, token: str
) -> None:
    header = {"Accept-Language": "en-GB"}
    extra = {"extraHeaders": header, "transports": ["websocket"]}
    ticket = issue_ws_ticket(actor=buyer)
    clients = [
        bare_client(server, path="/ws/?language=ar", headers=header),
        bare_client(server, path=f"/ws/?ticket={ticket}&language=ar", headers=header),
        sio_client(server, auth={"token": token, "language": "ar"}, **extra),
        sio_client(server, auth={"language": "ar"}, query={"language": "en"}, **extra),
        sio_client(server, token, query={"language": "ar"}, **extra),
    ]
    for client in clients:
        is_guest = client.expect("connected")["guest"]
        expected = AS_A_GUEST if is_guest else UNKNOWN
        assert client.call("nobody:knows")["error"]["message"] == expected["ar"]


@pytest.mark.parametrize("unknown", ["fr", "AR", "", "ar,en"])
def test_a_language_that_is_not_ours_is_ignored(
    uvicorn: ServerProcess, bare_client: Any, sio_client: Any, unknown: str
) -> None:
    header = {"Accept-Language": "ar"}
    clients = [
        bare_client(uvicorn, path=f"/ws/?language={unknown}", headers=header),
        sio_client(uvicorn, auth={"language": unknown}, extraHeaders=header),
        sio_client(uvicorn, auth={"language": ["en"]}, query={"language": "ar"}),
    ]
    for client in clients:
        is_guest = client.expect("connected")["guest"]
        expected = AS_A_GUEST if is_guest else UNKNOWN
        assert client.call("nobody:knows")["error"]["message"] == expected["ar"]


def test_refusals_have_the_language_that_a_page_named(
    uvicorn: ServerProcess, bare_client: Any, sio_client: Any
) -> None:
    message = "رمز الدخول غير صالح."
    refused = sio_client(uvicorn, auth={"token": "no token", "language": "ar"}).wait_refused()
    assert refused["message"] == message
    bare = bare_client(uvicorn, "no token", path="/ws/?language=ar")
    assert bare.expect("error")["message"] == message


def test_a_refusal_has_the_language_of_the_handshake(server: ServerProcess, bare_client: Any) -> None:
    client = bare_client(server, "no token", headers={"Accept-Language": "ar"})
    assert client.expect("error")["message"] == "رمز الدخول غير صالح."
    assert client.wait_closed()[0] == 4401


def test_the_end_of_a_login_is_explained_in_the_language_of_the_account(
    uvicorn: ServerProcess, bare_client: Any, sio_client: Any, buyer: User, token: str
) -> None:
    User.objects.filter(pk=buyer.pk).update(language="ar")
    clients = [bare_client(uvicorn, token), sio_client(uvicorn, token).wait_connected()]
    for client in clients:
        client.expect("connected")
    log_out_everywhere(actor=User.objects.get(pk=buyer.pk))
    publisher.flush()
    reason = "تم تسجيل خروجك من جميع الأجهزة. سجّل الدخول مرة أخرى."
    for client in clients:
        assert client.expect("error") == {"code": "session_ended", "message": reason, "details": {}}
    assert clients[0].wait_closed() == (4401, reason)


def test_a_reason_in_arabic_fits_into_a_close_frame() -> None:
    assert close_reason("x" * 123) == "x" * 123
    for length in range(55, 75):
        shortened = close_reason("ن" * length)
        assert len(shortened.encode()) <= 123
        assert "\ufffd" not in shortened
