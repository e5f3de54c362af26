"""Logging in and out, and rotating refresh tokens."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils import timezone

from accounts.authentication import authenticate_sockets, user_with_blocks_from_header
from accounts.models import RefreshFamily
from accounts.services.logins import delete_expired_families
from accounts.tests.calls import AUTH, claims_of, code_of, log_in, me_with, refresh
from accounts.tests.factories import PASSWORD, client_for, make_user
from accounts.tokens import refresh_token_for
from soukloop.core.db.reads import run
from soukloop.realtime.sessions import Credentials, SocketUser

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "identifier",
    [
        "Layla@Example.com",
        "layla.m",
        "+971501234567",
        "050-123 4567",
        " layla@example.com ",
        "\u200elayla@example.com",
        "\u200fLayla.M\u200e",
        "\u2068٠٥٠ ١٢٣ ٤٥٦٧\u2069",
    ],
)
def test_login_by_email_username_or_phone(guest: Any, identifier: Any) -> None:
    layla = make_user(email="layla@example.com", username="Layla.M", phone="+971501234567")
    with time_machine.travel("2026-02-03T04:05:06Z", tick=False):
        answer = log_in(guest, identifier)
        assert answer.status_code == 200
        data = answer.json()["data"]
        assert (data["token_type"], data["expires_in"]) == ("bearer", 1800)
        assert data["user"]["id"] == str(layla.pk)
        me = me_with(guest, data["access_token"]).json()["data"]
    assert me["last_login_at"] == "2026-02-03T04:05:06Z"
    layla.refresh_from_db()
    assert layla.last_login_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_an_unknown_identifier_and_a_wrong_password_get_the_same_response_for_the_same_work(
    guest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layla = make_user()
    layla.set_password(PASSWORD)
    layla.save()
    deleted = make_user()
    deleted.set_unusable_password()
    deleted.save()
    hashed = []
    for name in ("encode", "verify"):
        original = getattr(Argon2PasswordHasher, name)

        def counted(self, *args: Any, _original: Any = original, _name: Any = name) -> Any:
            hashed.append(_name)
            return _original(self, *args)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)

    answers, work = [], []
    for identifier in (layla.email, "nobody@example.com", "nobody", "+971501112233", deleted.email):
        hashed.clear()
        answers.append(log_in(guest, identifier, "Wrong123!@#"))
        work.append(len(hashed))

    assert {code_of(answer) for answer in answers} == {(401, "invalid_credentials")}
    assert len({answer.content for answer in answers}) == 1
    assert work == [1] * 5
    assert not RefreshFamily.objects.exists()


def test_only_the_right_password_reveals_a_ban(guest: Any) -> None:
    banned = make_user(is_active=False, banned_at=timezone.now())
    assert code_of(log_in(guest, banned.email, "Wrong123!@#")) == (401, "invalid_credentials")
    assert code_of(log_in(guest, banned.email)) == (403, "account_banned")
    assert not RefreshFamily.objects.exists()


def test_an_old_hash_is_replaced_at_login(guest: Any, user: Any) -> None:
    assert user.password.startswith("pbkdf2")
    assert log_in(guest, user.email).status_code == 200
    user.refresh_from_db()
    assert user.password.startswith("argon2")


def test_login_attempts_on_one_account_are_limited_whatever_its_spelling(
    guest: Any, user: Any, settings: Any
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_identifier": (3, 300)}
    for spelling in (user.email, user.email.upper(), f" {user.email}"):
        assert log_in(guest, spelling, "Wrong123!@#").status_code == 401
    answer = log_in(guest, user.email)
    assert code_of(answer) == (429, "rate_limited")
    assert 290 <= int(answer.headers["Retry-After"]) <= 300


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        yield clock


def test_refresh_gives_a_new_pair_and_the_old_access_token_remains_valid(
    guest: Any, user: Any, clock: Any
) -> None:
    first = log_in(guest, user.email).json()["data"]
    clock.shift(60)
    answer = refresh(guest, first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()["data"]
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (second["token_type"], second["expires_in"]) == ("bearer", 1800)
    assert me_with(guest, first["access_token"]).status_code == 200
    assert me_with(guest, second["access_token"]).status_code == 200
    assert claims_of(second["refresh_token"])["exp"] - claims_of(first["refresh_token"])["exp"] == 60
    clock.shift(timedelta(days=29))
    assert refresh(guest, second["refresh_token"]).status_code == 200


@pytest.mark.parametrize("later", [timedelta(0), timedelta(seconds=11), timedelta(days=29)])
def test_a_refresh_whose_answer_was_lost_can_be_repeated_until_its_successor_is_used(
    guest: Any, user: Any, clock: Any, later: timedelta
) -> None:
    login = log_in(guest, user.email).json()["data"]
    first = login["refresh_token"]
    second = refresh(guest, first).json()["data"]["refresh_token"]
    clock.shift(later)
    for _ in range(3):
        if later < timedelta(minutes=30):
            assert me_with(guest, login["access_token"]).status_code == 200  # of the first pair: no use
        again = refresh(guest, first)
        assert again.status_code == 200
        assert again.json()["data"]["refresh_token"] == second
    assert me_with(guest, again.json()["data"]["access_token"]).status_code == 200
    assert refresh(guest, second).status_code == 200
    assert RefreshFamily.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "use", ["refresh token", "access token", "access token of the retry", "feed", "socket"]
)
@pytest.mark.parametrize("later", [0, 11])
def test_a_refresh_token_reused_after_its_successor_was_used_ends_its_family_and_no_other(
    guest: Any, user: Any, clock: Any, use: str, later: int
) -> None:
    first = log_in(guest, user.email).json()["data"]["refresh_token"]
    other = log_in(guest, user.email).json()["data"]["refresh_token"]
    pair = refresh(guest, first).json()["data"]
    second = pair["refresh_token"]
    if use == "refresh token":
        second = refresh(guest, second).json()["data"]["refresh_token"]
    elif use == "access token":
        assert me_with(guest, pair["access_token"]).status_code == 200
    elif use == "token of the retry":
        assert me_with(guest, refresh(guest, first).json()["data"]["access_token"]).status_code == 200
    elif use == "feed":
        assert run(user_with_blocks_from_header(f"Bearer {pair['access_token']}")) is not None
    else:
        [found] = authenticate_sockets([Credentials(token=pair["access_token"])])
        assert isinstance(found, SocketUser)
    clock.shift(later)
    assert code_of(refresh(guest, first)) == (401, "token_revoked")
    assert code_of(refresh(guest, second)) == (401, "token_revoked")
    assert refresh(guest, other).status_code == 200


def test_a_token_older_than_the_previous_one_ends_the_family_at_once(
    guest: Any, user: Any, clock: Any
) -> None:
    first = log_in(guest, user.email).json()["data"]["refresh_token"]
    second = refresh(guest, first).json()["data"]["refresh_token"]
    third = refresh(guest, second).json()["data"]["refresh_token"]
    assert code_of(refresh(guest, first)) == (401, "token_revoked")
    assert code_of(refresh(guest, third)) == (401, "token_revoked")


def test_the_use_of_a_pair_takes_one_statement_per_process(
    guest: Any, user: Any, django_assert_num_queries: Any
) -> None:
    token = log_in(guest, user.email).json()["data"]["access_token"]
    with django_assert_num_queries(2):
        assert me_with(guest, token).status_code == 200
    assert RefreshFamily.objects.get().is_current_used
    with django_assert_num_queries(1):
        assert me_with(guest, token).status_code == 200


def test_a_refresh_token_expires_after_thirty_days(guest: Any, user: Any, clock: Any) -> None:
    token = log_in(guest, user.email).json()["data"]["refresh_token"]
    clock.shift(timedelta(days=30))
    assert code_of(refresh(guest, token)) == (401, "token_expired")
    assert delete_expired_families() == 0
    clock.shift(1)
    assert delete_expired_families() == 1


def test_a_refresh_token_of_a_deleted_family_is_refused(guest: Any, user: Any) -> None:
    family = RefreshFamily(user=user, current_jti="a" * 32, rotated_at=timezone.now())
    assert code_of(refresh(guest, refresh_token_for(family, user))) == (401, "account_deleted")


@pytest.mark.parametrize("by", ["refresh token", "access token"])
def test_logout_ends_one_login(guest: Any, user: Any, by: Any) -> None:
    ended = log_in(guest, user.email).json()["data"]
    kept = log_in(guest, user.email).json()["data"]
    if by == "refresh token":
        answer = guest.post(f"{AUTH}/logout", {"refresh_token": ended["refresh_token"]})
    else:
        guest.credentials(HTTP_AUTHORIZATION=f"Bearer {ended['access_token']}")
        answer = guest.post(f"{AUTH}/logout")
        guest.credentials()
    assert (answer.status_code, answer.json()["data"]) == (200, {"message": "Logged out"})
    assert code_of(refresh(guest, ended["refresh_token"])) == (401, "token_revoked")
    assert refresh(guest, kept["refresh_token"]).status_code == 200


def test_logging_out_twice_is_no_error_and_without_any_token_is_401(guest: Any, user: Any) -> None:
    token = log_in(guest, user.email).json()["data"]["refresh_token"]
    for _ in range(2):
        assert guest.post(f"{AUTH}/logout", {"refresh_token": token}).status_code == 200
    assert code_of(guest.post(f"{AUTH}/logout")) == (401, "not_authenticated")
    assert code_of(guest.post(f"{AUTH}/logout", {"refresh_token": "x"})) == (401, "token_invalid")


def test_logout_everywhere_ends_every_token_and_socket(
    guest: Any, user: Any, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    logins = [log_in(guest, user.email).json()["data"] for _ in range(2)]
    bystander = client_for(make_user())
    guest.credentials(HTTP_AUTHORIZATION=f"Bearer {logins[0]['access_token']}")
    with django_capture_on_commit_callbacks(execute=True):
        assert guest.post(f"{AUTH}/logout-all").status_code == 200
    guest.credentials()

    for login in logins:
        assert code_of(me_with(guest, login["access_token"])) == (401, "token_revoked")
        assert code_of(refresh(guest, login["refresh_token"])) == (401, "token_revoked")
    assert captured_events == [
        (f"user.{user.pk}", "close", {"reason": "You were logged out on all devices. Log in again."})
    ]
    assert bystander.get(f"{AUTH}/me").status_code == 200
    assert log_in(guest, user.email).status_code == 200
