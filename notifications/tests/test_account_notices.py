"""Notices about the account itself: passwords, contacts, bans, the badge."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import moderation, passwords, profiles
from accounts.tests.calls import AUTH, code_in_redis, send, verify
from accounts.tests.factories import PASSWORD, client_for, make_staff, make_user
from notifications.models import Notification
from notifications.services.account_notices import mask_address
from notifications.tests.factories import text_of
from soukloop.core.errors import ValidationFailed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("debug")]
NEW = "Better456!@#"
PHONE = "+971501234567"


@pytest.fixture
def debug(settings: Any) -> None:
    settings.DEBUG = True


def notices_of(user: User, language: str = "en") -> list[tuple[str, str, str]]:
    rows = Notification.objects.filter(user=user).order_by("created_at")
    return [(row.kind, *text_of(row, language)) for row in rows]


def test_a_changed_password_is_a_notice_in_both_languages() -> None:
    user = make_user()
    passwords.change_password(actor=user, current_password=PASSWORD, new_password=NEW)
    assert notices_of(user) == [
        (
            "password_changed",
            "Your password was changed",
            "If it wasn't you, reset the password now: that logs everybody else out.",
        )
    ]
    assert notices_of(user, "ar")[0][1] == "تم تغيير كلمة المرور الخاصة بك"


def test_a_password_that_was_reset_with_a_code_is_a_notice() -> None:
    user = make_user()
    address = str(user.email)
    send(APIClient(), address)
    body = {"identifier": address, "otp_code": code_in_redis(address), "new_password": NEW}
    assert APIClient().post(f"{AUTH}/reset-password", body).status_code == 200
    assert [kind for kind, _, _ in notices_of(user)] == ["password_changed"]


def test_a_refused_password_is_no_notice() -> None:
    user = make_user()
    with pytest.raises(ValidationFailed):
        passwords.change_password(actor=user, current_password="not it", new_password=NEW)
    assert notices_of(user) == []


def test_a_contact_that_is_added_confirmed_or_replaced_is_a_notice_with_a_masked_address() -> None:
    user = make_user()
    profiles.update_profile(actor=user, current_password=PASSWORD, phone=PHONE)
    assert notices_of(user) == [
        (
            "contact_added",
            "A new phone number was added to your account",
            "+971•••4567. If it wasn't you, change your password now.",
        )
    ]
    assert notices_of(user, "ar")[0][1] == "أُضيف رقم هاتف جديد إلى حسابك"
    client = client_for(user)
    send(client, PHONE)
    assert verify(client, code_in_redis(PHONE), PHONE).status_code == 200
    assert [kind for kind, _, _ in notices_of(user)] == ["contact_confirmed"], "it replaces the unread one"
    earlier = str(user.email)
    profiles.update_profile(actor=user, current_password=PASSWORD, email="new@example.com")
    titles = {title: body for _, title, body in notices_of(user)}
    assert titles["Your email address was removed from your account"].startswith(
        f"{earlier[0]}•••@example.com."
    )
    assert titles["A new email address was added to your account"].startswith("n•••@example.com.")


def test_confirming_the_first_contact_of_a_new_account_is_no_notice() -> None:
    user = make_user(is_verified=False)
    address = str(user.email)
    send(APIClient(), address)
    assert verify(APIClient(), code_in_redis(address), address).status_code == 200
    assert notices_of(user) == []


def test_a_contact_that_somebody_else_proved_to_be_theirs_is_a_notice_to_the_account_that_had_it() -> None:
    user = make_user(phone=PHONE, phone_confirmed_at=None, phone_has_proven_owner=False)
    send(APIClient(), PHONE)
    assert verify(APIClient(), code_in_redis(PHONE), PHONE).status_code == 409
    assert [kind for kind, _, _ in notices_of(user)] == ["contact_removed"]


def test_a_lifted_ban_and_the_badge_are_notices() -> None:
    user, staff = make_user(), make_staff()
    moderation.ban_user(actor=staff, user_id=user.pk, reason="Counterfeits")
    assert notices_of(user) == []
    moderation.unban_user(actor=staff, user_id=user.pk, reason="A mistake")
    moderation.set_verified_badge(actor=staff, user_id=user.pk, is_given=True, reason="Passport seen")
    moderation.set_verified_badge(actor=staff, user_id=user.pk, is_given=False, reason="Expired")
    notices = notices_of(user)
    assert [(kind, title) for kind, title, _ in notices] == [
        ("account_reopened", "Your account is open again"),
        ("badge_given", "You have the verified badge"),
    ]
    assert "Passport" not in str(notices), "staff's reason is for staff"
    assert [title for _, title, _ in notices_of(user, "ar")] == [
        "حسابك مفتوح من جديد",
        "حصلت على شارة التوثيق",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda user: passwords.change_password(actor=user, current_password=PASSWORD, new_password=NEW),
        lambda user: profiles.update_profile(actor=user, current_password=PASSWORD, phone=PHONE),
        lambda user: moderation.set_verified_badge(
            actor=make_staff(), user_id=user.pk, is_given=True, reason="Seen"
        ),
    ],
)
def test_what_was_rolled_back_is_no_notice(change: Callable[[User], Any]) -> None:
    user = make_user()
    with transaction.atomic():
        change(user)
        assert Notification.objects.exists()
        transaction.set_rollback(True)
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    ("address", "shown"),
    [("noura@example.com", "n•••@example.com"), ("+971501234567", "+971•••4567"), ("@x", "•••@x")],
)
def test_addresses_are_masked(address: str, shown: str) -> None:
    assert mask_address(address) == shown
