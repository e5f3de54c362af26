"""Notices about the safety of an account, which are emailed at once."""

import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import moderation, passwords, profiles
from accounts.tests.calls import AUTH, code_in_redis, send
from accounts.tests.factories import PASSWORD, make_staff, make_user
from notifications import tasks
from notifications.models import Notification, Push
from notifications.services.account_notices import notify_of_badge, notify_of_new_password
from notifications.tests.factories import make_device
from notifications.tests.smtp_server import SmtpServer
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Unavailable

pytestmark = pytest.mark.django_db
NEW = "Better456!@#"
PHONE = "+971501234567"
TASK = "notifications.send_notice_email"


def make_owner(**fields: Any) -> User:
    """Make a person with a confirmed email."""
    return make_user(email_confirmed_at=database_now(), **fields)


def change_password(user: User) -> None:
    passwords.change_password(actor=user, current_password=PASSWORD, new_password=NEW)


def jobs() -> list[dict[str, Any]]:
    return list(ProcrastinateJob.objects.filter(task_name=TASK).order_by("pk").values_list("args", flat=True))


def arguments() -> dict[str, Any]:
    """Return the arguments of the only job."""
    (job,) = jobs()
    return job


def sent_to(smtp: SmtpServer) -> list[tuple[str, str]]:
    """Return the address and the subject of each email."""
    return [(str(message["To"]), plain(str(message["Subject"]))) for message in smtp.messages]


def plain(text: str) -> str:
    return text.strip().replace("\u2068", "").replace("\u2069", "")


def test_a_changed_password_is_emailed_at_once_and_not_pushed(smtp: SmtpServer, run_jobs: Any) -> None:
    owner = make_owner()
    make_device(owner)
    change_password(owner)
    assert TASK in run_jobs()
    assert sent_to(smtp) == [(owner.email, "Your password was changed")]
    (message,) = smtp.messages
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for part in message.iter_parts():
        assert "reset the password now" in part.get_content()
        assert "https://souk.example/account/security" in part.get_content()
        assert "nsubscribe" not in part.get_content()
    assert message["List-Unsubscribe"] is None
    assert message["Auto-Submitted"] == "auto-generated"
    assert not Push.objects.exists()


def test_the_email_is_in_the_persons_language(smtp: SmtpServer, run_jobs: Any) -> None:
    change_password(make_owner(language="ar"))
    run_jobs()
    (message,) = smtp.messages
    assert message["Subject"].strip() == "تم تغيير كلمة المرور الخاصة بك"
    assert message["Content-Language"] == "ar"
    text, html = (part.get_content() for part in message.iter_parts())
    assert '<html lang="ar" dir="rtl">' in html
    for part in (text, html):
        assert "افتح حسابك" in part
        assert "تصلك هذه الرسالة لأنها تتعلق بأمان حسابك." in part


def test_a_lifted_ban_is_emailed_and_not_pushed(smtp: SmtpServer, run_jobs: Any) -> None:
    owner, staff = make_owner(), make_staff()
    moderation.ban_user(actor=staff, user_id=owner.pk, reason="Counterfeits")
    moderation.unban_user(actor=staff, user_id=owner.pk, reason="A mistake")
    make_device(owner)
    run_jobs()
    assert sent_to(smtp) == [(owner.email, "Your account is open again")]
    assert not Push.objects.exists()


def test_other_kinds_and_people_without_a_confirmed_email_get_none(smtp: SmtpServer) -> None:
    notify_of_badge(make_owner())
    notify_of_new_password(make_user(email_confirmed_at=None))
    assert Notification.objects.count() == 2
    assert jobs() == []


def test_a_change_that_is_rolled_back_is_emailed_to_nobody() -> None:
    owner = make_owner()
    with transaction.atomic():
        change_password(owner)
        assert len(jobs()) == 1
        transaction.set_rollback(True)
    assert jobs() == []


@pytest.mark.parametrize("email", ["new@example.com", None])
def test_that_a_confirmed_email_is_removed_is_emailed_to_that_address_only(
    smtp: SmtpServer, run_jobs: Any, email: str | None
) -> None:
    owner = make_owner(phone=PHONE, phone_confirmed_at=database_now())
    earlier = str(owner.email)
    profiles.update_profile(actor=owner, current_password=PASSWORD, email=email)
    run_jobs()
    assert sent_to(smtp) == [(earlier, "Your email address was removed from your account")]


def test_an_email_that_was_never_confirmed_gets_no_notice_when_it_is_replaced(smtp: SmtpServer) -> None:
    owner = make_user(email_confirmed_at=None, phone=PHONE, phone_confirmed_at=database_now())
    profiles.update_profile(actor=owner, current_password=PASSWORD, email="new@example.com")
    assert jobs() == []


def test_a_recovery_by_phone_that_removes_the_email_is_emailed_to_it(
    smtp: SmtpServer, run_jobs: Any, settings: Any
) -> None:
    settings.DEBUG = True
    now = database_now()
    owner = make_owner(phone=PHONE, phone_confirmed_at=now, phone_has_proven_owner=False)
    send(APIClient(), PHONE)
    body = {"identifier": PHONE, "otp_code": code_in_redis(PHONE), "new_password": NEW}
    assert APIClient().post(f"{AUTH}/reset-password", body).status_code == 200
    run_jobs()
    assert sent_to(smtp) == [(owner.email, "Your email address was removed from your account")]


def test_whoever_changes_the_address_afterwards_does_not_get_the_email(
    smtp: SmtpServer, run_jobs: Any
) -> None:
    owner = make_owner()
    earlier = str(owner.email)
    notify_of_new_password(owner)
    User.objects.filter(pk=owner.pk).update(email="thief@example.com")
    run_jobs()
    assert smtp.recipients() == [earlier]


def test_a_notice_that_replaces_an_unread_one_is_emailed_again(smtp: SmtpServer, run_jobs: Any) -> None:
    owner = make_owner()
    for phone in (PHONE, "+971501234568"):
        profiles.update_profile(actor=owner, current_password=PASSWORD, phone=phone)
        run_jobs()
    assert sorted(subject for _, subject in sent_to(smtp)) == [
        "A new phone number was added to your account",
        "A new phone number was added to your account",
        "Your phone number was removed from your account",
    ]
    assert Notification.objects.filter(user=owner, kind="contact_added").count() == 1


def test_a_closed_account_gets_no_email(smtp: SmtpServer, run_jobs: Any) -> None:
    owner = make_owner()
    notify_of_new_password(owner)
    User.objects.filter(pk=owner.pk).update(is_active=False, banned_at=database_now())
    run_jobs()
    assert smtp.messages == []
    assert Notification.objects.get().email_to == ""


def test_a_job_that_runs_twice_sends_once(smtp: SmtpServer) -> None:
    notify_of_new_password(make_owner())
    for _ in range(2):
        tasks.send_notice_email(**arguments())
    assert len(smtp.messages) == 1


def test_a_mail_server_that_refuses_connections_is_asked_again(smtp: SmtpServer, settings: Any) -> None:
    owner = make_owner()
    notify_of_new_password(owner)
    settings.EMAIL_PORT = 1
    with pytest.raises(ConnectionRefusedError):
        tasks.send_notice_email(**arguments())
    settings.EMAIL_PORT = smtp.port
    tasks.send_notice_email(**arguments())
    assert smtp.recipients() == [owner.email]


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "DATA END"])
@pytest.mark.parametrize("code", [421, 451])
def test_what_the_server_refuses_for_now_is_sent_later(smtp: SmtpServer, command: str, code: int) -> None:
    owner = make_owner()
    notify_of_new_password(owner)
    smtp.answers[command, ""] = f"{code} later"
    with pytest.raises((Unavailable, OSError)):
        tasks.send_notice_email(**arguments())
    smtp.answers.clear()
    for _ in range(2):
        tasks.send_notice_email(**arguments())
    assert smtp.recipients() == [owner.email]


def test_an_email_whose_answer_was_lost_is_not_sent_again(smtp: SmtpServer) -> None:
    notify_of_new_password(make_owner())
    smtp.answers["DATA END", ""] = "close"
    with pytest.raises(OSError, match="closed"):
        tasks.send_notice_email(**arguments())
    smtp.answers.clear()
    tasks.send_notice_email(**arguments())
    assert len(smtp.messages) == 1


def test_a_refused_address_is_given_up(smtp: SmtpServer) -> None:
    notify_of_new_password(make_owner())
    smtp.answers["RCPT", ""] = "550 no such user"
    tasks.send_notice_email(**arguments())
    smtp.answers.clear()
    tasks.send_notice_email(**arguments())
    assert smtp.messages == []


# Sends the email of the notification whose id is its argument, and is killed before or after the mail server
# has it.
_WORKER = """
import os, signal, sys
from uuid import UUID
import django
django.setup()
from django.core.mail.backends.smtp import EmailBackend
from notifications.services.notice_emails import send_notice_email
when, notification_id = sys.argv[1:]
send = EmailBackend.send_messages
def send_and_be_killed(self, messages):
    if when == "after":
        send(self, messages)
    os.kill(os.getpid(), signal.SIGKILL)
EmailBackend.send_messages = send_and_be_killed
send_notice_email(notification_id=UUID(notification_id))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.faults
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_worker_leaves_no_email_that_is_sent_twice(when: str, smtp: SmtpServer) -> None:
    notify_of_new_password(make_owner())
    notification_id = arguments()["notification_id"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    worker = subprocess.run(
        [sys.executable, "-c", _WORKER, when, notification_id],
        cwd=django_settings.BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "soukloop.settings",
            "DATABASE_URL": url,
            "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}",
        },
        timeout=120,
        check=False,
    )
    assert worker.returncode == -9
    for _ in range(2):
        tasks.send_notice_email(notification_id=notification_id)
    assert len(smtp.messages) == (0 if when == "before" else 1)
