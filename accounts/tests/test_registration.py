"""Registering over REST (contract 1.1 and 1.2)."""

from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher

from accounts.models import RefreshFamily, User
from accounts.tests.factories import make_user
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
    assert guest.post(URL, BUYER | extra).status_code == 201
    row = User.objects.get()
    assert not any([row.is_staff, row.is_superuser, row.is_verified, row.has_verified_badge])


def test_the_same_idempotency_key_registers_once_and_gives_tokens_again(guest: Any) -> None:
    first = guest.post(URL, BUYER, headers={"Idempotency-Key": "try-1"})
    again = guest.post(URL, BUYER, headers={"Idempotency-Key": "try-1"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["data"]["user"]["id"] == again.json()["data"]["user"]["id"]
    assert User.objects.count() == 1
    record = IdempotencyRecord.objects.get()
    assert "eyJ" not in record.body
    assert guest.post(URL, SELLER, headers={"Idempotency-Key": "try-1"}).status_code == 422


def test_a_stale_token_in_the_header_does_not_prevent_registration(guest: Any) -> None:
    guest.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert guest.post(URL, BUYER).status_code == 201
