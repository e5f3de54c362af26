"""Contacts are confirmed one by one, and only a confirmed one opens or recovers its account."""

import importlib
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import RefreshFamily, User
from accounts.tests.calls import (
    AUTH,
    EMAIL,
    PHONE,
    code_in_redis,
    code_of,
    deliver,
    log_in,
    me_with,
    refresh,
    send,
    verify,
)
from accounts.tests.factories import PASSWORD, client_for, make_user
from soukloop.core.redis.client import redis_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("debug")]

NEW = "Better456!@#"
ATTACKERS_PHONE = "+971507654321"


@pytest.fixture(autouse=True)
def many_codes(settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"otp_send_identifier": (100, 600)}


def register(guest: APIClient, **fields: Any) -> Any:
    body = {"email": EMAIL, "username": "testbuyer", "password": PASSWORD, "phone": PHONE} | fields
    return guest.post(f"{AUTH}/register", body)


def confirm(address: str, token: str | None = None) -> Any:
    client = APIClient()
    send(client, address)
    if token is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return verify(client, code_in_redis(address), address)


def recover(address: str, password: str = NEW) -> Any:
    send(APIClient(), address)
    body = {"identifier": address, "otp_code": code_in_redis(address), "new_password": password}
    return APIClient().post(f"{AUTH}/reset-password", body)


def attackers_account(guest: APIClient) -> User:
    """Register the victim's email with the attacker's phone and password."""
    assert register(guest, username="mallory", phone=ATTACKERS_PHONE).status_code == 201
    return User.objects.get(username="mallory")


def contacts_of(user: User) -> tuple[Any, ...]:
    user.refresh_from_db()
    confirmed = user.email_confirmed_at is not None, user.phone_confirmed_at is not None
    return user.email, user.phone, *confirmed, user.is_verified


# --- The back door -----------------------------------------------------------------------------------


def test_who_confirmed_the_own_phone_keeps_no_way_into_the_account_of_the_emails_owner(guest: Any) -> None:
    mallory = attackers_account(guest)
    assert confirm(ATTACKERS_PHONE).status_code == 200

    assert code_of(recover(EMAIL)) == (409, "contact_released")
    assert contacts_of(mallory) == (None, ATTACKERS_PHONE, False, True, True)
    assert log_in(guest, "mallory").status_code == 200  # unchanged: it was the attacker's own account
    assert code_of(log_in(guest, EMAIL, NEW)) == (401, "invalid_credentials")

    assert register(guest, phone=None).status_code == 201  # the email is free for its owner
    victim = User.objects.get(username="testbuyer")
    assert confirm(EMAIL).status_code == 200
    assert recover(ATTACKERS_PHONE, "Attack789!@#").status_code == 200
    assert contacts_of(victim) == (EMAIL, None, True, False, True)
    assert log_in(guest, EMAIL).json()["data"]["user"]["id"] == str(victim.pk)


def test_a_recovery_takes_over_an_account_that_confirmed_nothing(
    guest: Any, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    attacker = register(guest, username="mallory", phone=ATTACKERS_PHONE).json()["data"]
    user = User.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        assert recover(EMAIL).status_code == 200

    assert contacts_of(user) == (EMAIL, None, True, False, True)
    assert code_of(me_with(guest, attacker["access_token"])) == (401, "token_revoked")
    assert code_of(refresh(guest, attacker["refresh_token"])) == (401, "token_revoked")
    closed = [room for room, event, _ in captured_events if event == "close"]
    assert closed == [f"user.{user.pk}"]
    for identifier in (EMAIL, "mallory", ATTACKERS_PHONE):
        assert code_of(log_in(guest, identifier)) == (401, "invalid_credentials")
    assert code_of(recover(ATTACKERS_PHONE, "Attack789!@#")) == (400, "otp_invalid")
    assert log_in(guest, EMAIL, NEW).status_code == 200


def test_a_recovery_undoes_what_was_confirmed_after_the_owner_of_the_first_contact(guest: Any) -> None:
    """The contract keeps the password when the first code is verified, so its holder may add a contact."""
    attacker = register(guest, username="mallory", phone=ATTACKERS_PHONE).json()["data"]
    user = User.objects.get()
    assert confirm(EMAIL).status_code == 200  # by the email's owner, who has no login
    assert confirm(ATTACKERS_PHONE, attacker["access_token"]).status_code == 200
    assert contacts_of(user) == (EMAIL, ATTACKERS_PHONE, True, True, True)

    assert recover(EMAIL).status_code == 200
    assert contacts_of(user) == (EMAIL, None, True, False, True)
    assert code_of(recover(ATTACKERS_PHONE, "Attack789!@#")) == (400, "otp_invalid")
    assert code_of(log_in(guest, "mallory")) == (401, "invalid_credentials")


def test_a_recovery_by_a_contact_confirmed_by_a_login_keeps_the_first_one_that_was_not(guest: Any) -> None:
    """Whoever proves the first contact can still recover by it, and then drops the later one."""
    token = register(guest).json()["data"]["access_token"]
    user = User.objects.get()
    assert confirm(EMAIL).status_code == confirm(PHONE, token).status_code == 200
    assert recover(PHONE).status_code == 200
    assert contacts_of(user) == (EMAIL, PHONE, True, True, True)
    assert recover(EMAIL, PASSWORD).status_code == 200
    assert contacts_of(user) == (EMAIL, None, True, False, True)


def test_confirming_the_first_contact_again_with_a_login_proves_its_owner(guest: Any) -> None:
    token = register(guest).json()["data"]["access_token"]
    user = User.objects.get()
    assert confirm(EMAIL).status_code == confirm(PHONE, token).status_code == 200
    assert confirm(EMAIL, token).status_code == 200
    assert recover(EMAIL).status_code == 200
    assert contacts_of(user) == (EMAIL, PHONE, True, True, True)


@pytest.mark.parametrize(("contact", "address"), [("email", EMAIL), ("phone", PHONE)])
def test_a_code_without_login_takes_an_unconfirmed_contact_off_an_account_with_another(
    guest: Any, contact: str, address: str
) -> None:
    user = make_user(email=EMAIL, phone=PHONE)
    User.objects.filter(pk=user.pk).update(**{f"{contact}_confirmed_at": None})
    version = user.token_version
    assert code_of(confirm(address)) == (409, "contact_released")
    assert code_of(confirm(address)) == (400, "otp_invalid")  # nobody has it now
    assert getattr(user.__class__.objects.get(), contact) is None
    assert contacts_of(user)[4] is True
    assert user.token_version == version, "logins are not ended"
    assert log_in(guest, user.username).status_code == 200


def test_a_login_of_another_account_takes_a_contact_off_as_no_login_does(guest: Any) -> None:
    mallory = attackers_account(guest)
    confirm(ATTACKERS_PHONE)
    victim = make_user()
    token = log_in(guest, victim.username).json()["data"]["access_token"]
    assert code_of(confirm(EMAIL, token)) == (409, "contact_released")
    assert contacts_of(mallory)[0] is None
    client = client_for(victim)
    assert client.patch(f"{AUTH}/me", {"email": EMAIL, "current_password": PASSWORD}).status_code == 200
    assert confirm(EMAIL, token).status_code == 200
    assert contacts_of(victim)[::2] == (EMAIL, True, True)


def test_an_expired_token_does_not_take_the_owners_second_contact_off(guest: Any) -> None:
    user = make_user(email=EMAIL, phone=PHONE)
    User.objects.filter(pk=user.pk).update(phone_confirmed_at=None)
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        expired = log_in(guest, EMAIL).json()["data"]["access_token"]
    assert code_of(confirm(PHONE, expired)) == (401, "token_expired")
    assert contacts_of(user) == (EMAIL, PHONE, True, False, True)
    fresh = log_in(guest, EMAIL).json()["data"]["access_token"]
    assert verify_with(fresh, code_in_redis(PHONE)).status_code == 200  # the code was not used up
    assert contacts_of(user) == (EMAIL, PHONE, True, True, True)


def verify_with(token: str, code: str) -> Any:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return verify(client, code, PHONE)


def test_a_recovery_keeps_another_contact_that_the_proven_owner_confirmed(guest: Any) -> None:
    token = register(guest).json()["data"]["access_token"]
    user = User.objects.get()
    assert confirm(EMAIL, token).status_code == confirm(PHONE, token).status_code == 200
    assert recover(EMAIL).status_code == 200
    assert contacts_of(user) == (EMAIL, PHONE, True, True, True)
    assert recover(PHONE, PASSWORD).status_code == 200
    assert contacts_of(user) == (EMAIL, PHONE, True, True, True)
    assert not RefreshFamily.objects.filter(revoked_at=None).exists()


# --- Which contacts open an account ------------------------------------------------------------------


def test_an_unconfirmed_contact_logs_in_only_while_none_is_confirmed(guest: Any) -> None:
    register(guest)
    for identifier in (EMAIL, PHONE, "testbuyer"):
        assert log_in(guest, identifier).status_code == 200
    confirm(EMAIL)
    refused = log_in(guest, PHONE)
    assert code_of(refused) == (401, "invalid_credentials")
    assert refused.content == log_in(guest, "+971501112233").content
    for identifier in (EMAIL, "testbuyer"):
        assert log_in(guest, identifier).status_code == 200


def test_an_unconfirmed_contact_takes_as_much_work_to_refuse_as_an_unknown_one(
    guest: Any, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user(email=EMAIL, phone=PHONE)
    User.objects.filter(pk=user.pk).update(phone_confirmed_at=None)
    hashed: list[str] = []
    monkeypatch.setattr("accounts.services.logins.make_password", hashed.append)
    for identifier in (PHONE, "+971501112233"):
        with django_assert_num_queries(1):
            assert code_of(log_in(guest, identifier)) == (401, "invalid_credentials")
    assert hashed == [PASSWORD, PASSWORD]


def test_the_admin_refuses_an_unconfirmed_contact_too() -> None:
    boss = make_user(email=EMAIL, phone=PHONE, is_staff=True, is_superuser=True)
    User.objects.filter(pk=boss.pk).update(phone_confirmed_at=None)
    url = "/admin/login/?next=/admin/"
    assert Client().post(url, {"username": PHONE, "password": PASSWORD}).status_code == 200
    assert Client().post(url, {"username": EMAIL, "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize("username", ["Admin", "support", "a.b_c"])
def test_a_username_logs_in_whatever_is_confirmed(guest: Any, username: str) -> None:
    make_user(username=username, email=EMAIL)
    assert log_in(guest, f" {username.upper()} ").status_code == 200
    User.objects.update(email_confirmed_at=None)
    assert log_in(guest, username).status_code == 200


def test_a_contact_taken_off_an_account_neither_logs_in_nor_recovers(guest: Any) -> None:
    user = make_user(email="old@example.com", phone=PHONE)
    answer = client_for(user).patch(f"{AUTH}/me", {"email": EMAIL, "current_password": PASSWORD})
    data = answer.json()["data"]
    assert (data["email"], data["is_email_confirmed"], data["is_phone_confirmed"]) == (EMAIL, False, True)
    assert data["is_verified"] is True
    assert code_of(log_in(guest, "old@example.com")) == (401, "invalid_credentials")
    assert code_of(recover("old@example.com")) == (400, "otp_invalid")
    assert code_of(log_in(guest, EMAIL)) == (401, "invalid_credentials")  # not confirmed yet
    assert log_in(guest, PHONE).status_code == 200


def test_changing_the_only_confirmed_contact_leaves_the_account_unverified(guest: Any) -> None:
    user = make_user(email="old@example.com", phone=None)
    client_for(user).patch(f"{AUTH}/me", {"email": EMAIL, "current_password": PASSWORD})
    assert contacts_of(user) == (EMAIL, None, False, False, False)
    assert not user.email_has_proven_owner
    assert confirm(EMAIL).status_code == 200
    assert contacts_of(user) == (EMAIL, None, True, False, True)


def test_registering_with_an_address_that_an_account_has_is_refused_even_unconfirmed(guest: Any) -> None:
    attackers_account(guest)
    assert code_of(register(guest, username="other", phone=None)) == (409, "email_taken")
    fields = {"username": "other", "email": "other@example.com", "phone": ATTACKERS_PHONE}
    assert code_of(register(guest, **fields)) == (409, "phone_taken")


def test_me_shows_each_contact_with_its_state(guest: Any) -> None:
    token = register(guest).json()["data"]["access_token"]

    def state() -> tuple[Any, ...]:
        data = me_with(guest, token).json()["data"]
        return data["is_email_confirmed"], data["is_phone_confirmed"], data["is_verified"]

    assert state() == (False, False, False)
    confirm(PHONE, token)
    assert state() == (False, True, True)
    confirm(EMAIL, token)
    assert state() == (True, True, True)


# --- Closed accounts ---------------------------------------------------------------------------------


def test_the_owner_of_an_address_gets_it_off_a_banned_account_that_never_confirmed_it(guest: Any) -> None:
    mallory = attackers_account(guest)
    User.objects.filter(pk=mallory.pk).update(is_active=False, banned_at=timezone.now())
    send(guest)
    deliver()
    assert [message.to for message in mail.outbox] == [[EMAIL]]
    assert code_of(verify(guest, code_in_redis())) == (409, "contact_released")
    mallory.refresh_from_db()
    assert (mallory.email, mallory.is_active) == (None, False)


def test_a_banned_account_keeps_its_confirmed_address_and_gets_no_code(guest: Any) -> None:
    banned = make_user(email=EMAIL, is_active=False, banned_at=timezone.now())
    send(guest)
    deliver()
    assert mail.outbox == []
    assert redis_client().get(f"otp:{EMAIL}") is not None
    assert contacts_of(banned)[::2] == (EMAIL, True, True)


# --- The database ------------------------------------------------------------------------------------


@pytest.mark.parametrize("contact", ["email", "phone"])
def test_the_database_refuses_a_confirmation_without_its_contact(contact: str) -> None:
    user = make_user(email=EMAIL, phone=PHONE)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(**{contact: None})


def test_existing_verified_accounts_keep_both_contacts_until_one_of_them_recovers(guest: Any) -> None:
    user = make_user(email=EMAIL, phone=PHONE, is_verified=False)
    migration = importlib.import_module("accounts.migrations.0004_contacts_confirmed_one_by_one")
    with connection.cursor() as cursor:
        cursor.execute(migration.KEEP_CONFIRMED.replace("WHERE is_verified AND", "WHERE"))
    assert contacts_of(user) == (EMAIL, PHONE, True, True, True)
    for identifier in (EMAIL, PHONE):
        assert log_in(guest, identifier).status_code == 200
    assert recover(EMAIL).status_code == 200
    assert contacts_of(user) == (EMAIL, None, True, False, True)
