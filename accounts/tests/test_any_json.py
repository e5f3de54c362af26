"""No JSON body makes an endpoint of accounts fail with a 5xx."""

import string
from typing import Any

import orjson
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import PASSWORD, client_for, make_user
from soukloop.tests.examples import examples

AUTH = "/api/v1/auth"
FIELDS = {
    ("post", "register"): ["email", "username", "password", "phone", "full_name", "role"],
    ("post", "login"): ["identifier", "password"],
    ("post", "send-otp"): ["identifier", "type"],
    ("post", "verify-otp"): ["identifier", "otp_code"],
    ("post", "reset-password"): ["identifier", "otp_code", "new_password"],
    ("post", "refresh"): ["refresh_token"],
    ("post", "logout"): ["refresh_token"],
    ("post", "logout-all"): [],
    ("post", "change-password"): ["current_password", "new_password"],
    ("post", "ws-ticket"): [],
    ("post", "me/avatar"): ["image"],
    ("patch", "me"): [
        "email",
        "username",
        "phone",
        "full_name",
        "bio",
        "role",
        "neighborhood",
        "location",
        "current_password",
    ],
    ("delete", "me"): ["password"],
}

plausible = st.sampled_from(
    [
        "testbuyer@soukloop.com",
        "person@example.com",
        "+971501234567",
        "0501234567",
        "testbuyer",
        PASSWORD,
        "Wrong123!@#",
        "123456",
        "email",
        "phone",
        "seller",
        "eyJhbGciOiJub25lIn0.e30.",
        "\x00",
        "a\x00b@example.com",
        "\u202e",
        "İ",
        "ﬀ@ﬀ.com",
        "",
        " ",
        "9" * 30,
        "x" * 5000,
        1e308,
        2**63,
        -1,
        {"latitude": 25.1, "longitude": 55.1},
        {"latitude": 1e308, "longitude": None},
        {"latitude": True, "longitude": "25"},
    ]
)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=8,
)
requests = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda endpoint: st.tuples(
        st.just(endpoint),
        st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS[endpoint], plausible | anything))
        | st.dictionaries(st.text(string.ascii_letters, max_size=9), anything, max_size=4)
        | anything,
        st.booleans(),
    )
)


@pytest.mark.django_db
@pytest.mark.usefixtures("quick_hashing")
@given(request=requests)
@settings(
    max_examples=examples(100),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_json_gets_a_response_below_500(request: Any) -> None:
    (method, path), body, is_logged_in = request
    with transaction.atomic():
        user = make_user(email="testbuyer@soukloop.com", username="testbuyer", phone="+971501234567")
        client = client_for(user) if is_logged_in else APIClient(raise_request_exception=False)
        client.raise_request_exception = False
        answer = client.generic(
            method.upper(), f"{AUTH}/{path}", orjson.dumps(body).decode(), content_type="application/json"
        )
        transaction.set_rollback(True)

    assert answer.status_code < 500, (method, path, body)
    parsed = answer.json()
    assert parsed["success"] is (answer.status_code < 400)
    if answer.status_code >= 400:
        assert set(parsed["error"]) == {"code", "message", "details"}
        assert not User.objects.exists()


RAW = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b'{"email": }',
    b'{"email": NaN}',
    b'{"email": 1e999}',
    b'{"email": "\\ud800"}',
    b'{"email": "\xff\xfe"}',
    b"\xff\xfe{\x00}\x00",
    b'{"identifier": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"identifier": ' + b"9" * 100_000 + b"}",
    b'{"identifier": "a", "identifier": "b"}',
]


@pytest.mark.django_db
@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
@pytest.mark.parametrize("path", ["register", "login", "send-otp", "verify-otp", "refresh", "reset-password"])
def test_invalid_json_bytes_are_a_400(guest: Any, path: Any, raw: Any) -> None:
    answer = guest.generic("POST", f"{AUTH}/{path}", raw, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["success"] is False
