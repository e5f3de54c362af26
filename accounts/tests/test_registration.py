"""Registering over REST (contract 1.1 and 1.2)."""

from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import identify_hasher

from accounts.models import RefreshFamily, User
from accounts.services import moderation
from accounts.tests.calls import AUTH, EMAIL, code_in_redis, me_with, refresh, send
from accounts.tests.factories import client_for, make_staff, make_user
from soukloop.core.http.stored_bodies import unpack_body
from soukloop.core.models import IdempotencyRecord

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/register"
BUYER = {
    "email": "testbuyer@soukloop.com",
    "username": "testbuyer",
    "password": "Test123!@#",
    "phone": "+971501234567",
    "full_name": "Test Buyer",
    "role": "buyer",
}
SELLER = {
    "email": "testseller@soukloop.com",
    "username": "testseller",
    "password": "Seller123!@#",
    "phone": "+971507654321",
    "full_name": "Test Seller",
    "role": "seller",
}


@pytest.mark.parametrize("person", [BUYER, SELLER], ids=["buyer", "seller"])
def test_people_of_the_contract_can_register(guest: Any, person: Any) -> None:
    answer = guest.post(URL, person)

    assert answer.status_code == 201
    body = answer.json()
    assert body["success"] is True
    data = body["data"]
    assert data["token_type"] == "bearer"
    assert data["expires_in"] == 1800
    assert data["access_token"].count(".") == data["refresh_token"].count(".") == 2
    row = User.objects.get()
    expected = {"id": str(row.pk), "is_verified": False, "is_active": True}
    assert (
        data["user"].items() >= ({key: person[key] for key in person if key != "password"} | expected).items()
    )
    assert "password" not in str(body)
    assert identify_hasher(row.password).algorithm == "argon2"
    assert RefreshFamily.objects.get().user == row


def test_phone_name_and_role_are_optional(guest: Any) -> None:
    answer = guest.post(
        URL, {"email": "Noor@Example.com", "username": "Noor.7", "password": "sand-and-sea-9"}
    )
    assert answer.status_code == 201
    row = User.objects.get()
    assert (row.email, row.username, row.phone, row.full_name, row.role) == (
        "noor@example.com",
        "Noor.7",
        None,
        "",
        "buyer",
    )


@pytest.mark.parametrize("phone", ["050 123 4567", "+971-50-123-4567", "00971501234567", "٠٥٠١٢٣٤٥٦٧"])
def test_a_phone_is_stored_as_e164_in_whatever_spelling(guest: Any, phone: Any) -> None:
    assert guest.post(URL, BUYER | {"phone": phone}).json()["data"]["user"]["phone"] == "+971501234567"


@pytest.mark.parametrize("phone", ["", None])
def test_an_empty_phone_is_stored_as_none(guest: Any, phone: Any) -> None:
    make_user(phone=None)
    assert guest.post(URL, BUYER | {"phone": phone}).json()["data"]["user"]["phone"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", "\u212aim@example.com"),  # a Kelvin sign, which lower-cases to a k
        ("email", "x" * 250 + "@example.com"),
        ("email", None),
        ("email", ["a@example.com"]),
        ("username", "ab"),
        ("username", "a" * 31),
        ("username", "0501234567"),
        ("username", "two words"),
        ("username", "a..b"),
        ("username", "me@example"),
        ("username", "نور"),
        ("username", "nul\x00l"),
        ("password", "short1!"),
        ("password", "password123"),
        ("password", "48151623421"),
        ("password", "testbuyer1"),
        ("password", "x" * 129),
        ("password", {}),
        ("phone", "123"),
        ("phone", "1-800-FLOWERS"),
        ("phone", "+971501234567 ext. 5"),
        ("phone", "9" * 41),
        ("full_name", "x" * 151),
        ("full_name", "\u200b\u3164"),
        ("full_name", "bell \x07"),
        ("full_name", 7),
        ("role", "admin"),
        ("role", []),
    ],
)
def test_an_invalid_field_is_named_and_no_account_is_created(guest: Any, field: Any, value: Any) -> None:
    answer = guest.post(URL, BUYER | {field: value})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "validation_error"
    assert list(answer.json()["error"]["details"]) == [field]
    assert not User.objects.exists()


def test_one_answer_names_all_invalid_fields_with_the_weak_password_and_the_reserved_username(
    guest: Any,
) -> None:
    body = {"email": "nobody", "username": "support", "password": "nobody", "phone": "1", "fax": "2"}
    answer = guest.post(URL, body)
    details = answer.json()["error"]["details"]
    assert (answer.status_code, set(details)) == (400, set(body))
    assert details["username"] == ["This username is reserved. Choose another one."]
    assert details["password"] == [
        "The password is too similar to the email.",
        "This password is too short. It must contain at least 8 characters.",
        "This password is too common.",
    ]
    assert not User.objects.exists()


def test_every_missing_field_is_named(guest: Any) -> None:
    answer = guest.post(URL, {})
    assert answer.status_code == 400
    assert set(answer.json()["error"]["details"]) == {"email", "username", "password"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "TESTBUYER@SoukLoop.com"), ("username", "TestBuyer"), ("phone", "050 123 4567")],
)
def test_a_taken_value_is_refused_in_any_letter_case(guest: Any, field: Any, value: Any) -> None:
    make_user(**{key: BUYER[key] for key in ("email", "username", "phone")})
    fresh = {"email": "new@example.com", "username": "newcomer", "phone": "+971559998877"}
    answer = guest.post(URL, BUYER | fresh | {field: value})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == f"{field}_taken"
    assert list(answer.json()["error"]["details"]) == [field]
    assert User.objects.count() == 1


def test_a_new_account_is_neither_staff_nor_verified(guest: Any) -> None:
    extra = {
        "is_staff": True,
        "is_superuser": True,
        "is_verified": True,
        "has_verified_badge": True,
        "id": "1",
    }
    refused = guest.post(URL, BUYER | extra)
    assert (refused.status_code, set(refused.json()["error"]["details"])) == (400, set(extra))
    assert not User.objects.exists()
    assert guest.post(URL, BUYER).status_code == 201
    row = User.objects.get()
    assert not any([row.is_staff, row.is_superuser, row.is_verified, row.has_verified_badge])


def repeat(guest: Any, body: Any = BUYER) -> Any:
    return guest.post(URL, body, headers={"Idempotency-Key": "try-1"})


def test_the_same_idempotency_key_registers_once_and_gives_the_same_tokens_again(guest: Any) -> None:
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        first = repeat(guest)
        clock.shift(600)
        again = repeat(guest)

        assert (first.status_code, again.status_code) == (201, 201)
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        shown, repeated = first.json()["data"], again.json()["data"]
        assert (shown.pop("expires_in"), repeated.pop("expires_in")) == (1800, 1200)
        assert shown == repeated
        assert me_with(guest, repeated["access_token"]).status_code == 200
    assert User.objects.count() == RefreshFamily.objects.count() == 1
    assert repeat(guest, SELLER).status_code == 422


def test_the_stored_response_of_a_registration_is_of_no_use_to_its_reader(guest: Any) -> None:
    tokens = repeat(guest).json()["data"]
    record = IdempotencyRecord.objects.get()
    body = unpack_body(record.body).decode()
    assert body == f'{{"family":"{RefreshFamily.objects.get().pk}"}}'
    for secret in (tokens["access_token"], tokens["refresh_token"], BUYER["password"]):
        assert secret not in body + str(record.fingerprint) + str(record.id)


@pytest.mark.parametrize(
    "event",
    [
        "access",
        "refresh",
        "logout",
        "logout everywhere",
        "new password",
        "reset",
        "ban",
        "deletion",
        "expiry",
    ],
)
def test_a_repeated_registration_never_logs_in_again(guest: Any, settings: Any, event: str) -> None:
    settings.DEBUG = True
    tokens = repeat(guest).json()["data"]
    user = User.objects.get()
    if event == "access":
        assert me_with(guest, tokens["access_token"]).status_code == 200
    elif event == "refresh":
        assert refresh(guest, tokens["refresh_token"]).status_code == 200
    elif event == "logout":
        guest.post(f"{AUTH}/logout", {"refresh_token": tokens["refresh_token"]})
    elif event == "logout all":
        client_for(user).post(f"{AUTH}/logout-all")
    elif event == "new password":
        body = {"current_password": BUYER["password"], "new_password": "Better456!@#"}
        assert client_for(user).post(f"{AUTH}/change-password", body).status_code == 200
    elif event == "reset":
        send(guest)
        body = {"identifier": EMAIL, "otp_code": code_in_redis(), "new_password": "Better456!@#"}
        assert guest.post(f"{AUTH}/reset-password", body).status_code == 200
    elif event == "ban":
        moderation.ban_user(actor=make_staff(), user_id=user.pk, reason="x")
    elif event == "deletion":
        assert client_for(user).delete(f"{AUTH}/me", {"password": BUYER["password"]}).status_code == 200
    else:
        RefreshFamily.objects.all().delete()
    version = User.objects.get(pk=user.pk).token_version
    alive = RefreshFamily.objects.filter(revoked_at=None).count()

    answer = repeat(guest)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "registration_replayed"
    assert "token" not in answer.content.decode()
    assert RefreshFamily.objects.filter(revoked_at=None).count() == alive
    assert User.objects.get(pk=user.pk).token_version == version


def test_a_registration_from_before_an_upgrade_is_not_repeated(guest: Any) -> None:
    repeat(guest)
    IdempotencyRecord.objects.update(body=f'{{"id":"{User.objects.get().pk}"}}'.encode())
    assert repeat(guest).status_code == 409
    assert RefreshFamily.objects.count() == 1


def test_a_stale_token_in_the_header_does_not_prevent_registration(guest: Any) -> None:
    guest.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert guest.post(URL, BUYER).status_code == 201


@pytest.mark.parametrize(
    ("fields", "accept_language", "language"),
    [
        ({}, "", "en"),
        ({}, "ar-AE,ar;q=0.9,en;q=0.8", "ar"),
        ({}, "fr, en;q=0.5, ar;q=0.7", "ar"),
        ({}, "en-GB,ar;q=0.9", "en"),
        ({}, "ar;q=x,;;,*,\u0660", "en"),
        ({"language": "en"}, "ar", "en"),
        ({"language": "ar"}, "en", "ar"),
    ],
)
def test_the_language_is_asked_for_or_the_one_that_the_app_prefers(
    guest: Any, fields: Any, accept_language: str, language: str
) -> None:
    answer = guest.post(URL, BUYER | fields, headers={"Accept-Language": accept_language})
    assert answer.json()["data"]["user"]["language"] == language


def test_the_language_can_be_changed_and_must_be_one_of_ours(client: Any, user: Any) -> None:
    assert client.patch("/api/v1/auth/me", {"language": "ar"}).json()["data"]["language"] == "ar"
    assert client.patch("/api/v1/auth/me", {"language": "fr"}).status_code == 400
    user.refresh_from_db()
    assert user.language == "ar"
