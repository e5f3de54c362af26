"""A socket ends with the login it belongs to: in every process, within two seconds, with or without Redis."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import httpx
import pytest
import time_machine
from django.db import OperationalError, transaction
from django.utils import timezone

from accounts.models import RefreshFamily, User
from accounts.services import deletion, moderation
from accounts.services.logins import open_login
from accounts.tests.calls import EMAIL, claims_of, code_in_redis
from accounts.tests.factories import PASSWORD, make_staff, make_user
from soukloop.core.errors import NotAuthenticated
from soukloop.realtime import session_checks
from soukloop.realtime.hub import hub
from soukloop.realtime.publisher import publisher
from soukloop.realtime.sessions import Session, SocketUser, close_user_sessions_on_commit, is_closed_by
from soukloop.realtime.testing.redis_process import RedisProcess
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.tests.conftest import PROBE

Servers = Callable[..., list[ServerProcess]]

WITHIN = 2.0  # seconds


@dataclass
class Device:
    """One login, with a plain WebSocket and a Socket.IO connection, to two processes."""

    tokens: dict[str, Any]
    bare: Any
    socketio: Any

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def is_open(self) -> bool:
        return not self.bare.is_closed and not self.socketio.disconnects

    def expect_end(self, reason: str, within: float = WITHIN) -> None:
        deadline = time.monotonic() + within
        assert self.bare.wait_closed(within) == (4401, reason)
        assert self.bare.expect("error", within=1) == {
            "code": "session_ended",
            "message": reason,
            "details": {},
        }
        left = max(0.1, deadline - time.monotonic())
        assert self.socketio.wait_disconnected(left) == "io server disconnect"
        assert self.socketio.expect("error", within=1)["message"] == reason


@pytest.fixture
def person(transactional_db: None) -> User:
    return make_user(username="testbuyer", email=EMAIL)


@pytest.fixture
def open_device(bare_client: Any, sio_client: Any, person: User) -> Callable[..., Device]:
    def open_on(first: ServerProcess, second: ServerProcess, user: User = person) -> Device:
        body = {"identifier": user.username, "password": PASSWORD}
        tokens = httpx.post(f"{first.url}/api/v1/auth/login", json=body).json()["data"]
        device = Device(
            tokens,
            bare_client(first, tokens["access_token"]),
            sio_client(second, tokens["access_token"], reconnection=False).wait_connected(),
        )
        device.bare.expect("connected")
        return device

    return open_on


@pytest.fixture
def two(live_server_process: Servers) -> list[ServerProcess]:
    return live_server_process(2, environment=PROBE)


def post(server: ServerProcess, path: str, device: Device | None = None, **body: Any) -> httpx.Response:
    headers = device.headers if device is not None else {}
    return httpx.post(f"{server.url}/api/v1/auth/{path}", json=body, headers=headers, timeout=30)


def test_logout_closes_that_logins_sockets_in_every_process_and_no_others(
    two: list[ServerProcess], open_device: Callable[..., Device]
) -> None:
    one, other = two
    phone, tablet = open_device(one, other), open_device(other, one)
    stranger = open_device(one, other, make_user())
    assert post(one, "logout", refresh_token=phone.tokens["refresh_token"]).status_code == 200
    phone.expect_end("You were logged out. Log in again.")
    assert post(other, "logout", tablet).status_code == 200
    tablet.expect_end("You were logged out. Log in again.")
    time.sleep(1.5)  # a check of the database has run
    assert stranger.is_open()
    assert stranger.bare.call("probe:whoami")["success"] is True


@pytest.mark.parametrize("way", ["logout-all", "new password", "reset", "ban", "deletion", "reused refresh"])
def test_whatever_ends_logins_closes_their_sockets_with_its_reason(
    two: list[ServerProcess], open_device: Callable[..., Device], person: User, way: str, settings: Any
) -> None:
    one, other = two
    phone, tablet = open_device(one, other), open_device(other, one)
    reason = "The password was changed. Log in again."
    ended = [phone, tablet]
    if way == "logout-all":
        assert post(one, "logout-all", phone).status_code == 200
        reason = "You were logged out on all devices. Log in again."
    elif way == "new password":
        changed = post(one, "change-password", phone, current_password=PASSWORD, new_password="Better456!@#")
        assert changed.status_code == 200
    elif way == "reset":
        settings.DEBUG = True
        post(one, "send-otp", identifier=EMAIL)
        code = code_in_redis()
        body = {"identifier": EMAIL, "otp_code": code, "new_password": "Better456!@#"}
        assert post(one, "reset-password", **body).status_code == 200
    elif way == "ban":
        moderation.ban_user(actor=make_staff(), user_id=person.pk, reason="x")
        publisher.flush()
        reason = "This account is banned."
    elif way == "deletion":
        person.refresh_from_db()
        deletion.delete_account(actor=person, password=PASSWORD)
        publisher.flush()
        reason = "This account was deleted."
    else:
        used = phone.tokens["refresh_token"]
        successor = post(one, "refresh", refresh_token=used).json()["data"]["refresh_token"]
        assert post(one, "refresh", refresh_token=successor).status_code == 200
        assert phone.is_open(), "a login that goes on keeps its sockets"
        assert post(other, "refresh", refresh_token=used).status_code == 401
        reason = "A refresh token was used twice. Log in again."
        ended = [phone]
    for device in ended:
        device.expect_end(reason)
    if ended == [phone]:
        assert tablet.is_open()


@pytest.mark.parametrize(
    ("family", "before_version", "is_closed"),
    [(None, None, True), (None, 3, True), (None, 2, False), ("a", None, True), ("b", None, False)],
)
def test_a_message_closes_the_sockets_of_its_login_or_of_earlier_token_versions(
    family: str | None, before_version: int | None, is_closed: bool
) -> None:
    user = SocketUser(uuid4(), "testbuyer", None, 2, None, family_id="a")
    assert is_closed_by(user, {"family": family, "before_version": before_version}) is is_closed


def test_a_late_message_about_a_new_password_does_not_close_the_new_logins_socket(
    two: list[ServerProcess], open_device: Callable[..., Device], bare_client: Any, person: User
) -> None:
    device = open_device(*two)
    body = {"current_password": PASSWORD, "new_password": "Better456!@#"}
    token = post(two[0], "change-password", device, **body).json()["data"]["access_token"]
    renewed = bare_client(two[1], token)
    renewed.expect("connected")
    with transaction.atomic():
        close_user_sessions_on_commit(person.pk, "Late", before_version=1)
    publisher.flush()
    time.sleep(1.5)
    assert renewed.call("probe:whoami")["success"] is True
    assert not renewed.is_closed


def test_a_socket_outlives_its_access_token_and_its_refresh(
    two: list[ServerProcess], open_device: Callable[..., Device], bare_client: Any, person: User
) -> None:
    device = open_device(*two)
    fresh = post(two[0], "refresh", refresh_token=device.tokens["refresh_token"]).json()["data"]
    RefreshFamily.objects.update(rotated_at=timezone.now())
    time.sleep(1.5)
    assert device.is_open()
    assert device.bare.call("probe:whoami")["success"] is True
    assert post(two[1], "logout", refresh_token=fresh["refresh_token"]).status_code == 200
    device.expect_end("You were logged out. Log in again.")


def test_no_token_or_ticket_of_an_ended_login_opens_a_socket(
    two: list[ServerProcess], open_device: Callable[..., Device], bare_client: Any, sio_client: Any
) -> None:
    device = open_device(*two)
    tickets = [post(two[0], "ws-ticket", device).json()["data"]["ticket"] for _ in range(2)]
    post(two[0], "logout", refresh_token=device.tokens["refresh_token"])
    reason = "You were logged out. Log in again."
    by_token = bare_client(two[1], device.tokens["access_token"])
    assert by_token.expect("error") == {"code": "token_revoked", "message": reason, "details": {}}
    assert by_token.wait_closed() == (4401, reason)
    by_ticket = bare_client(two[1], path=f"/ws/?ticket={tickets[0]}")
    assert by_ticket.wait_closed() == (4401, reason)
    refused = sio_client(two[1], None, auth={"ticket": tickets[1]}, reconnection=False)
    assert refused.wait_refused()["data"]["code"] == "token_revoked"


@pytest.mark.parametrize("change", [{"token_version": 1}, {"is_active": False, "banned_at": timezone.now()}])
def test_a_command_that_arrives_before_the_socket_is_closed_is_refused(
    person: User, change: dict[str, Any]
) -> None:
    session = Session("c1", SocketUser(person.pk, "testbuyer", None, 0, None), Mock())
    assert session.user == person
    User.objects.filter(pk=person.pk).update(**change)
    session.forget_user()
    session.forget_user()  # the row that the handshake read serves one command
    with pytest.raises(NotAuthenticated) as caught:
        _ = session.user
    assert caught.value.code == "token_revoked"


@pytest.mark.faults
@pytest.mark.parametrize("way", ["logout", "logout-all"])
def test_sockets_end_within_two_seconds_while_redis_is_down(
    live_server_process: Servers, own_redis: RedisProcess, open_device: Callable[..., Device], way: str
) -> None:
    environment = {**PROBE, "REDIS_URL": own_redis.url}
    one, other = live_server_process(2, fresh=True, environment=environment)
    phone, tablet = open_device(one, other), open_device(other, one)
    own_redis.kill()
    began = time.monotonic()
    body = {"refresh_token": phone.tokens["refresh_token"]} if way == "logout" else {}
    assert post(one, way, phone, **body).status_code == 200
    answered = time.monotonic() - began
    assert answered < 5
    reasons = {
        "logout": "You were logged out. Log in again.",
        "logout-all": "You were logged out on all devices. Log in again.",
    }
    phone.expect_end(reasons[way])
    if way == "logout":
        time.sleep(1.5)
        assert tablet.is_open()
    else:
        tablet.expect_end(reasons[way])
    own_redis.start()


@pytest.mark.faults
def test_a_login_that_ended_while_redis_restarted_stays_closed_and_others_stay_open(
    live_server_process: Servers, own_redis: RedisProcess, open_device: Callable[..., Device]
) -> None:
    environment = {**PROBE, "REDIS_URL": own_redis.url}
    one, other = live_server_process(2, fresh=True, environment=environment)
    phone, tablet = open_device(one, other), open_device(other, one)
    own_redis.kill()
    RefreshFamily.objects.filter(pk=family_of(phone)).update(revoked_at=timezone.now())
    own_redis.start()
    phone.expect_end("This session has ended. Log in again.", within=3)
    time.sleep(1.5)
    assert tablet.is_open()


def family_of(device: Device) -> Any:
    return claims_of(device.tokens["access_token"])["fam"]


def test_an_access_token_that_expired_long_ago_does_not_end_its_socket(
    two: list[ServerProcess], bare_client: Any, person: User
) -> None:
    with time_machine.travel(timezone.now().timestamp() - 1797):
        login = open_login(person)
    client = bare_client(two[0], login.access_token)
    client.expect("connected")
    time.sleep(4)
    assert post(two[0], "ws-ticket").status_code == 401
    assert client.call("probe:whoami")["success"] is True
    assert not client.is_closed


async def test_a_check_that_fails_closes_nothing_and_is_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    users = [SocketUser(uuid4(), f"viewer{number}", None, 0, None) for number in range(3)]
    members = {
        user.username: Mock(session=Mock(socket_user=user, is_guest=False), is_closed=False) for user in users
    }
    monkeypatch.setattr(hub, "members", members)
    ended: list[tuple[Any, str]] = []
    monkeypatch.setattr(hub, "end_session", lambda *end: ended.append(end))
    answers: list[Any] = [OperationalError("no database")] * 2 + [[None, "This account is banned.", None]]

    def answer(checked: Any) -> Any:
        assert list(checked) == users
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(session_checks, "_end_reasons", answer)
    for _ in range(2):
        await session_checks.check_sessions()
    assert ended == []
    assert caplog.text.count("session check failed") == 1
    await session_checks.check_sessions()
    assert "session check succeeded again" in caplog.text
    assert ended == [(members["viewer1"], "This account is banned.")]
