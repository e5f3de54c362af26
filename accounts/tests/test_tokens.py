"""Logging in and out, rotation, and every way in which a token is refused."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import time_machine
from django.conf import settings as configured
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisAway

from accounts import tokens
from accounts.authentication import authenticate_sockets
from accounts.models import RefreshFamily, User
from accounts.services import tickets
from accounts.services.logins import forget_dead_families
from accounts.tests.factories import PASSWORD, client_for, make_user
from accounts.tokens import Claim, access_token_for, claim_of_access_token, refresh_token_of
from soukloop.core.errors import NotAuthenticated
from soukloop.core.redis.client import redis_client
from soukloop.realtime.sessions import Credentials, SocketUser

pytestmark = pytest.mark.django_db

AUTH = "/api/v1/auth"


def log_in(client, identifier, password=PASSWORD):
    return client.post(f"{AUTH}/login", {"identifier": identifier, "password": password})


def me_with(client, token):
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    answer = client.get(f"{AUTH}/me")
    client.credentials()
    return answer


def refresh(client, token):
    return client.post(f"{AUTH}/refresh", {"refresh_token": token})


def code_of(answer):
    return answer.status_code, answer.json()["error"]["code"]


def signed(claims, key=configured.SECRET_KEY, algorithm="HS256"):
    return jwt.encode(claims, key, algorithm=algorithm)


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False, "verify_aud": False})


# --- Logging in ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identifier", ["Layla@Example.com", "layla.m", "+971501234567", "050-123 4567", " layla@example.com "]
)
def test_login_by_email_username_or_phone(guest, identifier):
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


def test_an_unknown_identifier_and_a_wrong_password_get_the_same_answer_for_the_same_work(guest, monkeypatch):
    layla = make_user()
    layla.set_password(PASSWORD)
    layla.save()
    deleted = make_user()
    deleted.set_unusable_password()
    deleted.save()
    hashed = []
    for name in ("encode", "verify"):
        original = getattr(Argon2PasswordHasher, name)

        def counted(self, *args, _original=original, _name=name):
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


def test_that_one_is_banned_is_told_only_with_the_right_password(guest):
    banned = make_user(is_active=False, banned_at=timezone.now())
    assert code_of(log_in(guest, banned.email, "Wrong123!@#")) == (401, "invalid_credentials")
    assert code_of(log_in(guest, banned.email)) == (403, "account_banned")
    assert not RefreshFamily.objects.exists()


def test_an_old_hash_is_replaced_at_login(guest, user):
    assert user.password.startswith("pbkdf2")
    assert log_in(guest, user.email).status_code == 200
    user.refresh_from_db()
    assert user.password.startswith("argon2")


def test_guessing_at_one_account_is_slowed_down_whatever_its_spelling(guest, user, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_identifier": (3, 300)}
    for spelling in (user.email, user.email.upper(), f" {user.email}"):
        assert log_in(guest, spelling, "Wrong123!@#").status_code == 401
    answer = log_in(guest, user.email)
    assert code_of(answer) == (429, "rate_limited")
    assert 290 <= int(answer.headers["Retry-After"]) <= 300


# --- Access tokens ---------------------------------------------------------------------------------


def test_an_access_token_says_who_for_whom_and_how_long(user):
    claims = claims_of(access_token_for(user))
    assert claims["exp"] - claims["iat"] == 1800
    assert claims["sub"] == str(user.pk)
    assert (claims["aud"], claims["iss"], claims["token_type"]) == ("soukloop", "soukloop", "access")
    assert claims["ver"] == user.token_version


def test_no_token_is_not_authenticated(guest):
    answer = guest.get(f"{AUTH}/me")
    assert code_of(answer) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def bad_versions_of(token):
    good = claims_of(token)
    header, payload, signature = token.split(".")
    forged = base64.urlsafe_b64encode(json.dumps(good | {"sub": str(uuid.uuid4())}).encode()).decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    deep = base64.urlsafe_b64encode(b'{"alg":"HS256","x":' + b"[" * 1200).decode().rstrip("=")
    return {
        "nonsense": "nonsense",
        "two words": "two words",
        "umlauts": "äöü.äöü.äöü",
        "alg none": f"{none}.{payload}.",
        "alg none with signature": f"{none}.{payload}.{signature}",
        "another payload": f"{header}.{forged.rstrip('=')}.{signature}",
        "another key": signed(good, key="k" * 64),
        "another algorithm": signed(good, algorithm="HS512"),
        "another audience": signed(good | {"aud": "elsewhere"}),
        "no audience": signed({key: good[key] for key in good if key != "aud"}),
        "another issuer": signed(good | {"iss": "elsewhere"}),
        "no expiry": signed({key: good[key] for key in good if key != "exp"}),
        "no subject": signed({key: good[key] for key in good if key != "sub"}),
        "no version": signed({key: good[key] for key in good if key != "ver"}),
        "a subject that is no id": signed(good | {"sub": "1 OR 1=1"}),
        "a deep header": f"{deep}.{payload}.{signature}",
        "a long one": "a." * 1500,
        "not yet good": signed(good | {"nbf": good["iat"] + 1000}),
    }


def test_a_token_that_is_not_ours_is_invalid(guest, user):
    data = log_in(guest, user.email).json()["data"]
    for name, token in bad_versions_of(data["access_token"]).items():
        assert code_of(me_with(guest, token)) == (401, "token_invalid"), name
    for name, token in bad_versions_of(data["refresh_token"]).items():
        assert code_of(refresh(guest, token)) == (401, "token_invalid"), name
    assert refresh(guest, data["refresh_token"]).status_code == 200


def test_an_empty_bearer_is_invalid_and_another_scheme_is_none(guest):
    guest.credentials(HTTP_AUTHORIZATION="Bearer ")
    assert code_of(guest.get(f"{AUTH}/me")) == (401, "token_invalid")
    guest.credentials(HTTP_AUTHORIZATION="Basic dXNlcjpwYXNz")
    assert code_of(guest.get(f"{AUTH}/me")) == (401, "not_authenticated")


def test_after_thirty_minutes_it_has_expired(guest, user):
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        token = access_token_for(user)
        clock.shift(timedelta(minutes=29, seconds=59))
        assert me_with(guest, token).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert code_of(me_with(guest, token)) == (401, "token_expired")


def test_neither_kind_passes_for_the_other(guest, user):
    data = log_in(guest, user.email).json()["data"]
    assert code_of(me_with(guest, data["refresh_token"])) == (401, "token_wrong_type")
    assert code_of(refresh(guest, data["access_token"])) == (401, "token_wrong_type")
    assert RefreshFamily.objects.get().revoked_at is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"token_version": 1}, "token_revoked"),
        ({"is_active": False, "banned_at": "2026-01-01T00:00:00Z"}, "account_banned"),
        ({"is_active": False, "deleted_at": "2026-01-01T00:00:00Z"}, "account_deleted"),
    ],
)
def test_tokens_end_with_what_they_stand_for(guest, user, change, code):
    data = log_in(guest, user.email).json()["data"]
    User.objects.filter(pk=user.pk).update(**change)
    assert code_of(me_with(guest, data["access_token"])) == (401, code)
    assert code_of(refresh(guest, data["refresh_token"])) == (401, code)


def test_a_token_of_a_row_that_is_gone_is_account_deleted(guest, user):
    token = access_token_for(user)
    user.delete()
    assert code_of(me_with(guest, token)) == (401, "account_deleted")


def test_authentication_is_one_query(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert client.get(f"{AUTH}/me").status_code == 200


# --- Refresh ---------------------------------------------------------------------------------------


@pytest.fixture
def clock():
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        yield clock


def test_refresh_gives_a_new_pair_and_the_old_access_token_stays_good(guest, user, clock):
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


def test_a_lost_answer_may_be_asked_for_again_within_ten_seconds(guest, user, clock):
    first = log_in(guest, user.email).json()["data"]["refresh_token"]
    second = refresh(guest, first).json()["data"]["refresh_token"]
    clock.shift(10)
    again = refresh(guest, first)
    assert again.status_code == 200
    assert again.json()["data"]["refresh_token"] == second
    assert refresh(guest, second).status_code == 200


def test_a_used_token_that_comes_back_later_ends_the_family_but_no_other(guest, user, clock):
    first = log_in(guest, user.email).json()["data"]["refresh_token"]
    other = log_in(guest, user.email).json()["data"]["refresh_token"]
    second = refresh(guest, first).json()["data"]["refresh_token"]
    clock.shift(11)
    assert code_of(refresh(guest, first)) == (401, "token_revoked")
    assert code_of(refresh(guest, second)) == (401, "token_revoked")
    assert refresh(guest, other).status_code == 200


def test_a_token_from_before_the_previous_one_ends_the_family_even_within_the_grace(guest, user, clock):
    first = log_in(guest, user.email).json()["data"]["refresh_token"]
    second = refresh(guest, first).json()["data"]["refresh_token"]
    third = refresh(guest, second).json()["data"]["refresh_token"]
    assert code_of(refresh(guest, first)) == (401, "token_revoked")
    assert code_of(refresh(guest, third)) == (401, "token_revoked")


def test_a_refresh_token_expires_after_thirty_days(guest, user, clock):
    token = log_in(guest, user.email).json()["data"]["refresh_token"]
    clock.shift(timedelta(days=30))
    assert code_of(refresh(guest, token)) == (401, "token_expired")
    assert forget_dead_families() == 0
    clock.shift(1)
    assert forget_dead_families() == 1


def test_a_refresh_token_of_a_family_that_is_gone_is_refused(guest, user):
    family = RefreshFamily(user=user, current_jti="a" * 32, rotated_at=timezone.now())
    assert code_of(refresh(guest, refresh_token_of(family, user))) == (401, "account_deleted")


# --- Logging out -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["refresh token", "access token"])
def test_logout_ends_one_login(guest, user, by):
    gone = log_in(guest, user.email).json()["data"]
    kept = log_in(guest, user.email).json()["data"]
    if by == "refresh token":
        answer = guest.post(f"{AUTH}/logout", {"refresh_token": gone["refresh_token"]})
    else:
        guest.credentials(HTTP_AUTHORIZATION=f"Bearer {gone['access_token']}")
        answer = guest.post(f"{AUTH}/logout")
        guest.credentials()
    assert (answer.status_code, answer.json()["data"]) == (200, {"message": "Logged out"})
    assert code_of(refresh(guest, gone["refresh_token"])) == (401, "token_revoked")
    assert refresh(guest, kept["refresh_token"]).status_code == 200


def test_logging_out_twice_is_no_error_and_without_any_token_is_401(guest, user):
    token = log_in(guest, user.email).json()["data"]["refresh_token"]
    for _ in range(2):
        assert guest.post(f"{AUTH}/logout", {"refresh_token": token}).status_code == 200
    assert code_of(guest.post(f"{AUTH}/logout")) == (401, "not_authenticated")
    assert code_of(guest.post(f"{AUTH}/logout", {"refresh_token": "x"})) == (401, "token_invalid")


def test_logout_everywhere_ends_every_token_and_socket(
    guest, user, captured_events, django_capture_on_commit_callbacks
):
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
        (f"user.{user.pk}", "close", {"reason": "You were logged out everywhere. Log in again."})
    ]
    assert bystander.get(f"{AUTH}/me").status_code == 200
    assert log_in(guest, user.email).status_code == 200


# --- Tickets and sockets ---------------------------------------------------------------------------


def authenticate_socket(**credentials: str) -> SocketUser:
    [found] = authenticate_sockets([Credentials(**credentials)])
    if isinstance(found, Exception):
        raise found
    return found


def test_a_ticket_opens_one_socket_once(client, user):
    answer = client.post(f"{AUTH}/ws-ticket")
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["expires_in"] == 30
    [key] = redis_client().keys("ws_ticket:*")
    assert data["ticket"].encode() not in key
    assert 25 <= redis_client().ttl(key) <= 30

    found = authenticate_socket(ticket=data["ticket"])
    assert (found.id, found.username, found.avatar_url) == (user.pk, user.username, None)
    assert found.token_version == user.token_version
    with pytest.raises(NotAuthenticated) as caught:
        authenticate_socket(ticket=data["ticket"])
    assert caught.value.code == "ticket_invalid"


def test_a_ticket_ends_with_the_login_it_came_from(user):
    ticket = tickets.issue_ws_ticket(actor=user)
    User.objects.filter(pk=user.pk).update(token_version=5)
    with pytest.raises(NotAuthenticated) as caught:
        authenticate_socket(ticket=ticket)
    assert caught.value.code == "token_revoked"


def test_a_socket_takes_an_access_token_and_nothing_else(user):
    assert authenticate_socket(token=access_token_for(user)).id == user.pk
    family = RefreshFamily.objects.create(user=user, current_jti="a" * 32, rotated_at=timezone.now())
    for credentials, code in [
        ({"token": refresh_token_of(family, user)}, "token_wrong_type"),
        ({"token": "x"}, "token_invalid"),
        ({"ticket": "x" * 100_000}, "ticket_invalid"),
        ({}, "not_authenticated"),
    ]:
        with pytest.raises(NotAuthenticated) as caught:
            authenticate_socket(**credentials)
        assert caught.value.code == code


def test_of_the_handshakes_of_one_moment_none_fails_for_anothers_reason(user, django_assert_num_queries):
    asked = [Credentials(token=access_token_for(user)), Credentials(token="x"), Credentials(ticket="\ud800")]
    with django_assert_num_queries(1):
        found, bad, odd = authenticate_sockets(asked)
    assert isinstance(found, SocketUser)
    assert found.id == user.pk
    assert isinstance(bad, NotAuthenticated)
    assert isinstance(odd, UnicodeEncodeError)


def test_without_redis_there_are_no_tickets_but_everything_else_goes_on(client, user, guest, monkeypatch):
    def away(*args, **kwargs):
        raise RedisAway("away")

    monkeypatch.setattr("redis.Connection.connect", away)
    redis_client().connection_pool.disconnect()
    answer = client.post(f"{AUTH}/ws-ticket")
    assert code_of(answer) == (503, "unavailable")
    assert client.get(f"{AUTH}/me").status_code == 200
    assert log_in(guest, user.email).status_code == 200


def test_what_a_token_says_is_kept_for_its_time_and_under_its_digest(user, monkeypatch):
    monkeypatch.setattr(tokens, "_known", {})
    monkeypatch.setattr(tokens, "_KNOWN_MAX", 2)
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        token = access_token_for(user)
        claim = claim_of_access_token(token)
        monkeypatch.setattr(tokens, "decode", None)  # not read again
        assert claim_of_access_token(token) == claim == Claim(user.pk, user.token_version)
        assert token not in str(tokens._known)
        clock.shift(30 * 60)
        with pytest.raises(NotAuthenticated) as caught:
            claim_of_access_token(token)
        assert caught.value.code == "token_expired"
        monkeypatch.undo()
        monkeypatch.setattr(tokens, "_KNOWN_MAX", 2)
        for _ in range(3):
            clock.shift(1)
            claim_of_access_token(access_token_for(user))
        assert len(tokens._known) <= 2
