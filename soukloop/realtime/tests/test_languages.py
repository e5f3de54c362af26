"""Errors over sockets are in the language of the handshake, otherwise in the account's."""

from typing import Any

import pytest

from accounts.models import User
from accounts.services.logins import log_out_everywhere
from soukloop.realtime.members import close_reason
from soukloop.realtime.publisher import publisher
from soukloop.realtime.testing.servers import ServerProcess

BYTES = {"en": "Frames must be text.", "ar": "يجب أن تكون الإطارات نصية."}
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
