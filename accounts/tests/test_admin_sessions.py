"""A session of the admin ends with everything that ends the person's logins."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import RefreshFamily, User
from accounts.services import deletion, moderation
from accounts.services.logins import delete_expired_staff_sessions
from accounts.tests.calls import AUTH, EMAIL, code_in_redis, code_of, log_in, me_with, send
from accounts.tests.factories import PASSWORD, client_for, make_staff

pytestmark = pytest.mark.django_db

NEW = "Better456!@#"


def change_password(user: User) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert client_for(user).post(f"{AUTH}/change-password", body).status_code == 200


def reset_password(user: User) -> None:
    send(APIClient(), EMAIL)
    body = {"identifier": EMAIL, "otp_code": code_in_redis(), "new_password": NEW}
    assert APIClient().post(f"{AUTH}/reset-password", body).status_code == 200


def remove_from_staff_and_add_again(user: User) -> None:
    for is_staff in (False, True):
        moderation.set_staff(actor=make_staff(), user_id=user.pk, is_staff=is_staff, reason="x")


def ban_and_unban(user: User) -> None:
    actor = make_staff()
    moderation.ban_user(actor=actor, user_id=user.pk, reason="x")
    moderation.unban_user(actor=actor, user_id=user.pk, reason="x")


ENDS: dict[str, Callable[[User], Any]] = {
    "logout everywhere": lambda user: client_for(user).post(f"{AUTH}/logout-all"),
    "change password": change_password,
    "reset password": reset_password,
    "removed from staff": remove_from_staff_and_add_again,
    "ban": ban_and_unban,
    "deletion": lambda user: deletion.delete_account(actor=user, password=PASSWORD),
}


@pytest.fixture
def boss() -> User:
    return make_staff(email=EMAIL, username="boss")


def browser_of(user: User, password: str = PASSWORD) -> Client:
    browser = Client()
    answer = browser.post("/admin/login/?next=/admin/", {"username": user.username, "password": password})
    assert answer.status_code == 302
    assert browser.get("/admin/").status_code == 200
    return browser


@pytest.mark.parametrize("end", ENDS)
def test_an_admin_session_ends_with_the_persons_logins(boss: User, debug: None, end: str) -> None:
    browser, other = browser_of(boss), browser_of(make_staff())
    ENDS[end](User.objects.get(pk=boss.pk))
    assert browser.get("/admin/").status_code == 302
    assert other.get("/admin/").status_code == 200


def test_the_logout_of_one_device_leaves_the_admin_session_open(boss: User) -> None:
    browser = browser_of(boss)
    token = log_in(APIClient(), EMAIL).json()["data"]["refresh_token"]
    assert APIClient().post(f"{AUTH}/logout", {"refresh_token": token}).status_code == 200
    assert browser.get("/admin/").status_code == 200


def test_a_new_password_in_the_admin_ends_every_other_login(
    boss: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    browser, elsewhere = browser_of(boss), browser_of(boss)
    tokens = log_in(APIClient(), EMAIL).json()["data"]
    form = {"old_password": "Wrong123!@#", "new_password1": NEW, "new_password2": NEW}
    assert browser.post("/admin/password_change/", form).status_code == 200
    assert me_with(APIClient(), tokens["access_token"]).status_code == 200

    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post("/admin/password_change/", form | {"old_password": PASSWORD})
    assert answer.status_code == 302
    assert browser.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302
    assert code_of(me_with(APIClient(), tokens["access_token"])) == (401, "token_revoked")
    assert not RefreshFamily.objects.filter(revoked_at=None).exists()
    assert captured_events == [
        (f"user.{boss.pk}", "close", {"reason": "The password was changed. Log in again."})
    ]


def test_expired_sessions_are_deleted_and_others_remain() -> None:
    for _ in range(2):
        Client().force_login(make_staff())
    first = Session.objects.first()
    assert first is not None
    Session.objects.filter(pk=first.pk).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert delete_expired_staff_sessions() == 1
    assert Session.objects.count() == 1
