"""Access tokens: claims, expiry, and each reason for which a token is refused."""

import base64
import json
import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings as configured

from accounts import tokens
from accounts.authentication import authenticate_sockets
from accounts.models import RefreshFamily, User
from accounts.tests.calls import (
    AUTH,
    claims_of,
    code_of,
    log_in,
    me_with,
    refresh,
)
from accounts.tokens import TokenClaims, access_token_for, read_access_token
from soukloop.core.errors import NotAuthenticated
from soukloop.realtime.sessions import Credentials

pytestmark = pytest.mark.django_db


def signed(claims: Any, key: Any = configured.SECRET_KEY, algorithm: Any = "HS256") -> Any:
    return jwt.encode(claims, key, algorithm=algorithm)


def test_an_access_token_has_subject_audience_issuer_and_expiry(user: Any) -> None:
    claims = claims_of(access_token_for(user))
    assert claims["exp"] - claims["iat"] == 1800
    assert claims["sub"] == str(user.pk)
    assert (claims["aud"], claims["iss"], claims["token_type"]) == ("soukloop", "soukloop", "access")
    assert claims["ver"] == user.token_version


def test_a_request_without_a_token_is_not_authenticated(guest: Any) -> None:
    answer = guest.get(f"{AUTH}/me")
    assert code_of(answer) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def bad_versions_of(token: Any) -> Any:
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


def test_a_forged_or_malformed_token_is_invalid(guest: Any, user: Any) -> None:
    data = log_in(guest, user.email).json()["data"]
    for name, token in bad_versions_of(data["access_token"]).items():
        assert code_of(me_with(guest, token)) == (401, "token_invalid"), name
    for name, token in bad_versions_of(data["refresh_token"]).items():
        assert code_of(refresh(guest, token)) == (401, "token_invalid"), name
    assert refresh(guest, data["refresh_token"]).status_code == 200


STRANGE_VALUES: list[Any] = [
    10**30,
    2**63,
    2**53,
    -1,
    -(10**30),
    1.5,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    True,
    False,
    "",
    "x",
    "9999999999",
    "٩",
    "\x00",
    "\ud800",
    None,
    [],
    [1],
    {},
    {"a": 1},
]


@pytest.mark.parametrize(
    "claim", ["exp", "iat", "nbf", "sub", "ver", "fam", "jti", "aud", "iss", "token_type"]
)
@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_signed_token_with_a_strange_value_is_401_everywhere(
    guest: Any, user: Any, claim: str, kind: str
) -> None:
    data = log_in(guest, user.email).json()["data"]
    good = claims_of(data[f"{kind}_token"])
    for value in STRANGE_VALUES:
        if claim == "jti" and isinstance(value, str) and kind == "access":
            continue  # any text is a token's own id
        # As JSON, because PyJWT itself refuses to sign some of these.
        token = jwt.api_jws.encode(json.dumps(good | {claim: value}).encode(), configured.SECRET_KEY)
        answer = refresh(guest, token) if kind == "refresh" else me_with(guest, token)
        assert answer.status_code == 401, (claim, value)
        [outcome] = authenticate_sockets([Credentials(token=token)])
        assert isinstance(outcome, NotAuthenticated), (claim, value)
    answer = refresh(guest, data["refresh_token"])
    assert answer.status_code == (401 if (claim, kind) == ("jti", "refresh") else 200)


def test_an_empty_bearer_token_is_invalid_and_another_scheme_is_ignored(guest: Any) -> None:
    guest.credentials(HTTP_AUTHORIZATION="Bearer ")
    assert code_of(guest.get(f"{AUTH}/me")) == (401, "token_invalid")
    guest.credentials(HTTP_AUTHORIZATION="Basic dXNlcjpwYXNz")
    assert code_of(guest.get(f"{AUTH}/me")) == (401, "not_authenticated")


def test_an_access_token_expires_after_thirty_minutes(guest: Any, user: Any) -> None:
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        token = access_token_for(user)
        clock.shift(timedelta(minutes=29, seconds=59))
        assert me_with(guest, token).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert code_of(me_with(guest, token)) == (401, "token_expired")


def test_a_token_of_a_host_whose_clock_is_ahead_is_accepted_elsewhere(guest: Any, user: Any) -> None:
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        clock.shift(timedelta(seconds=55))
        data = log_in(guest, user.email).json()["data"]
        clock.shift(timedelta(seconds=-55))
        assert me_with(guest, data["access_token"]).status_code == 200
        assert refresh(guest, data["refresh_token"]).status_code == 200


def test_access_and_refresh_tokens_are_not_interchangeable(guest: Any, user: Any) -> None:
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
def test_tokens_of_a_closed_account_or_old_version_are_refused(
    guest: Any, user: Any, change: Any, code: Any
) -> None:
    data = log_in(guest, user.email).json()["data"]
    User.objects.filter(pk=user.pk).update(**change)
    assert code_of(me_with(guest, data["access_token"])) == (401, code)
    assert code_of(refresh(guest, data["refresh_token"])) == (401, code)


def test_a_token_of_a_deleted_row_is_account_deleted(guest: Any, user: Any) -> None:
    token = access_token_for(user)
    user.delete()
    assert code_of(me_with(guest, token)) == (401, "account_deleted")


def test_authentication_takes_one_query(client: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert client.get(f"{AUTH}/me").status_code == 200


def test_verified_tokens_are_remembered_by_digest_until_they_expire(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_verified_tokens", {})
    monkeypatch.setattr(tokens, "_VERIFIED_TOKENS_MAX", 2)
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        token = access_token_for(user)
        claim = read_access_token(token)
        monkeypatch.setattr(tokens, "decode", None)  # not read again
        assert read_access_token(token) == claim == TokenClaims(user.pk, user.token_version)
        assert token not in str(tokens._verified_tokens)
        clock.shift(30 * 60)
        with pytest.raises(NotAuthenticated) as caught:
            read_access_token(token)
        assert caught.value.code == "token_expired"
        monkeypatch.undo()
        monkeypatch.setattr(tokens, "_VERIFIED_TOKENS_MAX", 2)
        for _ in range(3):
            clock.shift(1)
            read_access_token(access_token_for(user))
        assert len(tokens._verified_tokens) <= 2
