"""The daily email of unread notifications: who gets it, when, once, and with which headers."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Mute, User
from accounts.tests.factories import block, make_user
from notifications import tasks
from notifications.emails import unsubscribe_url
from notifications.models import Notification, NotificationSettings
from notifications.services import digests
from notifications.services.account_notices import notify_of_new_password
from notifications.services.inbox import mark_read
from notifications.services.notify import notify
from notifications.tests.factories import PLAIN, make_notification
from notifications.tests.smtp_server import SmtpServer
from soukloop.core.errors import Unavailable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("test_kinds")]
EIGHT_IN_DUBAI = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
NINE_IN_DUBAI = EIGHT_IN_DUBAI + timedelta(hours=1)
SUBJECT = "You have 1 unread notification"


@pytest.fixture
def reader() -> User:
    """A person with a notification of 08:00 in Dubai."""
    return make_reader(username="layla")


def make_reader(**fields: Any) -> User:
    with time_machine.travel(EIGHT_IN_DUBAI, tick=False):
        user = make_user(email_confirmed_at=EIGHT_IN_DUBAI, **fields)
        make_notification(user, "Sold", "Your lamp")
    return user


@pytest.fixture
def run_at(run_jobs: Callable[[], list[str]]) -> Callable[[datetime], list[str]]:
    """Return a function that runs the periodic job at a time, and the jobs that it enqueues."""

    def run(at: datetime) -> list[str]:
        with time_machine.travel(at, tick=False):
            tasks.schedule_digests(timestamp=0)
            return run_jobs()

    return run


def path_for(user: User) -> str:
    return urlsplit(unsubscribe_url(user.pk)).path


def text_in(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def change(user: User, **values: Any) -> None:
    NotificationSettings.objects.update_or_create(user=user, defaults=values)


def test_unread_notifications_are_emailed_at_nine_once_a_day(
    smtp: SmtpServer, reader: User, run_at: Any
) -> None:
    assert run_at(NINE_IN_DUBAI - timedelta(minutes=5)) == []
    assert run_at(NINE_IN_DUBAI) == ["notifications.send_digests"]
    assert smtp.recipients() == [reader.email]
    assert smtp.messages[0]["Subject"] == SUBJECT
    for hours in (0, 1, 3, 24, 48):
        assert run_at(NINE_IN_DUBAI + timedelta(hours=hours)) == [], "nothing has come since"
    with time_machine.travel(NINE_IN_DUBAI + timedelta(hours=49), tick=False):
        make_notification(reader, "Another")
    for later in (50, 72, 73):
        run_at(NINE_IN_DUBAI + timedelta(hours=later))
    assert len(smtp.messages) == 2
    body = smtp.messages[1].get_body(("plain",))
    assert body is not None
    assert "Another" in body.get_content()
    assert "Sold" not in body.get_content()


def test_what_comes_after_nine_is_in_the_email_of_the_next_day(smtp: SmtpServer, run_at: Any) -> None:
    late, both = (make_user(email_confirmed_at=EIGHT_IN_DUBAI) for _ in range(2))
    with time_machine.travel(EIGHT_IN_DUBAI, tick=False):
        make_notification(both, "Early", n=1)
    with time_machine.travel(NINE_IN_DUBAI + timedelta(minutes=1), tick=False):
        for person in (late, both):
            make_notification(person, "Late", n=2)
    run_at(NINE_IN_DUBAI + timedelta(hours=1))  # the worker was down until then
    assert smtp.recipients() == [both.email]
    assert "Early" in text_in(smtp.messages[0])
    assert "Late" not in text_in(smtp.messages[0])
    for hours in (2, 3):
        assert run_at(NINE_IN_DUBAI + timedelta(hours=hours)) == []
    run_at(NINE_IN_DUBAI + timedelta(days=1))
    assert sorted(smtp.recipients()[1:]) == sorted([str(late.email), str(both.email)])
    for message in smtp.messages[1:]:
        assert "Late" in text_in(message)
        assert "Early" not in text_in(message)


def test_somebody_who_has_read_what_came_before_nine_gets_no_late_email(
    smtp: SmtpServer, reader: User, run_at: Any, run_jobs: Any
) -> None:
    with time_machine.travel(NINE_IN_DUBAI + timedelta(minutes=1), tick=False):
        tasks.schedule_digests(timestamp=0)
        mark_read(actor=reader, ids=None)
        make_notification(reader, "Late", n=2)
        assert run_jobs() == ["notifications.send_digests"]
    assert smtp.messages == []


def test_what_is_emailed_at_once_is_in_no_daily_email(
    smtp: SmtpServer, reader: User, run_at: Any, run_jobs: Any
) -> None:
    only_notified_at_once = make_user(email_confirmed_at=EIGHT_IN_DUBAI)
    with time_machine.travel(EIGHT_IN_DUBAI, tick=False):
        for person in (reader, only_notified_at_once):
            notify_of_new_password(person)
        run_jobs()
    assert sorted(smtp.recipients()) == sorted([str(reader.email), str(only_notified_at_once.email)])
    run_at(NINE_IN_DUBAI)
    assert smtp.recipients()[2:] == [reader.email]
    assert smtp.messages[2]["Subject"] == SUBJECT
    assert "password" not in text_in(smtp.messages[2])


@pytest.mark.parametrize(
    ("time_zone", "hour"),
    [("Asia/Riyadh", 6), ("Europe/London", 9), ("America/New_York", 14), ("Pacific/Auckland", 20)],
)
def test_nine_is_in_the_persons_own_time_zone(
    smtp: SmtpServer, reader: User, run_at: Any, time_zone: str, hour: int
) -> None:
    change(reader, time_zone=time_zone)
    day = datetime(2026, 11, 28, tzinfo=UTC)
    run_at(day + timedelta(hours=hour, minutes=-1))
    assert smtp.messages == []
    run_at(day + timedelta(hours=hour))
    assert len(smtp.messages) == 1


def test_somebody_whose_time_zone_changes_gets_no_second_one_on_that_day(
    smtp: SmtpServer, reader: User, run_at: Any
) -> None:
    run_at(NINE_IN_DUBAI)
    with time_machine.travel(NINE_IN_DUBAI + timedelta(minutes=1), tick=False):
        make_notification(reader, "Another")
    change(reader, time_zone="Pacific/Auckland")
    run_at(datetime(2026, 11, 27, 20, 0, tzinfo=UTC))  # 09:00 of the next day there
    assert len(smtp.messages) == 1
    run_at(datetime(2026, 11, 28, 20, 0, tzinfo=UTC))
    assert len(smtp.messages) == 2


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda user: mark_read(actor=user, ids=None), id="read"),
        pytest.param(lambda user: change(user, off=["email:test"]), id="kind"),
        pytest.param(lambda user: change(user, off=["email:*"]), id="all"),
        pytest.param(
            lambda user: User.objects.filter(pk=user.pk).update(email_confirmed_at=None), id="unconfirmed"
        ),
        pytest.param(
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False, banned_at=EIGHT_IN_DUBAI),
            id="banned",
        ),
        pytest.param(lambda user: Notification.objects.update(is_in_inbox=False), id="not_in_inbox"),
    ],
)
@pytest.mark.parametrize("when", ["before", "between"])
def test_who_wants_none_or_has_read_all_gets_none(
    smtp: SmtpServer, reader: User, run_at: Any, run_jobs: Any, prepare: Any, when: str
) -> None:
    with time_machine.travel(NINE_IN_DUBAI, tick=False):
        if when == "between":
            tasks.schedule_digests(timestamp=0)
        prepare(reader)
        tasks.schedule_digests(timestamp=0)
        assert len(run_jobs()) == (when == "between")
    assert smtp.messages == []


def test_what_blocked_muted_and_banned_people_caused_is_left_out(
    smtp: SmtpServer, reader: User, run_at: Any
) -> None:
    people = {name: make_user(username=name) for name in ("blocked", "muted", "banned", "friend")}
    with time_machine.travel(EIGHT_IN_DUBAI, tick=False):
        for name, person in people.items():
            values = {"heading": name, "text": ""}
            notify(user_ids=[reader.pk], kind=PLAIN, params=values, data={"n": 1}, actor_id=person.pk)
    block(people["blocked"], reader)
    Mute.objects.create(muter=reader, muted=people["muted"])
    User.objects.filter(pk=people["banned"].pk).update(is_active=False, banned_at=EIGHT_IN_DUBAI)
    run_at(NINE_IN_DUBAI)
    (message,) = smtp.messages
    assert message["Subject"] == "You have 2 unread notifications"
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "friend" in text
    assert not [name for name in ("blocked", "muted", "banned") if name in text]


def test_the_headers_let_mail_programs_unsubscribe_and_recognize_a_copy(
    smtp: SmtpServer, reader: User, run_at: Any, client: Any
) -> None:
    run_at(NINE_IN_DUBAI)
    (message,) = smtp.messages
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    assert message["Content-Language"] == "en"
    assert re.fullmatch(r"<[0-9a-f]{32}@soukloop\.com>", message["Message-ID"])
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    (url,) = re.fullmatch(r"<(https://souk\.example/[^>]+)>", message["List-Unsubscribe"].strip()).groups()  # type: ignore[union-attr]
    for part in message.iter_parts():
        assert url in part.get_content()
    response = client.post(url.removeprefix("https://souk.example"), {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    assert NotificationSettings.objects.get(user=reader).off == ["email:*"]


def test_the_arabic_email_runs_from_right_to_left(smtp: SmtpServer, run_at: Any) -> None:
    reader = make_reader(language="ar")
    for n in range(11):
        with time_machine.travel(EIGHT_IN_DUBAI + timedelta(minutes=n + 1), tick=False):
            make_notification(reader, f"<b>{n}</b>", n=n)
    run_at(NINE_IN_DUBAI)
    (message,) = smtp.messages
    assert message["Subject"].strip() == "لديك 12 إشعارًا غير مقروء"
    assert message["Content-Language"] == "ar"
    text, html = (part.get_content() for part in message.iter_parts())
    assert "<b>10</b>" in text
    assert "&lt;b&gt;10&lt;/b&gt;" in html
    assert "<b>" not in html
    assert '<html lang="ar" dir="rtl">' in html
    assert text.count("https://souk.example/tests/") == 10
    for part in (text, html):
        assert "وإشعاران آخران" in part
        assert "عرض كل الإشعارات" in part
        assert "27 نوفمبر 2026، 08:11" in part


def test_a_job_that_runs_twice_sends_once(smtp: SmtpServer, reader: User, run_at: Any) -> None:
    run_at(NINE_IN_DUBAI)
    job = ProcrastinateJob.objects.get(task_name="notifications.send_digests")
    assert job.priority < 0, "one-time codes go first"
    with time_machine.travel(NINE_IN_DUBAI + timedelta(minutes=1), tick=False):
        tasks.send_digests(**job.args)
    assert len(smtp.messages) == 1


def test_a_mail_server_that_refuses_connections_is_asked_again(
    smtp: SmtpServer, reader: User, run_at: Any, settings: Any
) -> None:
    settings.EMAIL_PORT = 1
    with pytest.raises(ConnectionRefusedError):
        run_at(NINE_IN_DUBAI)
    job = ProcrastinateJob.objects.get(task_name="notifications.send_digests")
    settings.EMAIL_PORT = smtp.port
    with time_machine.travel(NINE_IN_DUBAI + timedelta(hours=1), tick=False):
        tasks.send_digests(**job.args)
    assert smtp.recipients() == [reader.email]


def test_a_digest_is_not_sent_in_the_afternoon(
    smtp: SmtpServer, reader: User, run_at: Any, settings: Any
) -> None:
    settings.EMAIL_PORT = 1
    with suppress(ConnectionRefusedError):
        run_at(NINE_IN_DUBAI)
    job = ProcrastinateJob.objects.get(task_name="notifications.send_digests")
    settings.EMAIL_PORT = smtp.port
    with time_machine.travel(NINE_IN_DUBAI + timedelta(hours=6, minutes=1), tick=False):
        tasks.send_digests(**job.args)
    assert smtp.messages == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "DATA END"])
@pytest.mark.parametrize("code", [421, 451])
def test_what_the_server_refuses_for_now_is_sent_later(
    smtp: SmtpServer, run_at: Any, command: str, code: int
) -> None:
    people = [make_reader(username=name) for name in ("first", "second")]
    smtp.answers[command, ""] = f"{code} later"
    with pytest.raises((Unavailable, OSError)):
        run_at(NINE_IN_DUBAI)
    job = ProcrastinateJob.objects.get(task_name="notifications.send_digests")
    smtp.answers.clear()
    with time_machine.travel(NINE_IN_DUBAI + timedelta(minutes=1), tick=False):
        tasks.send_digests(**job.args)
        tasks.send_digests(**job.args)
    assert sorted(smtp.recipients()) == sorted(str(person.email) for person in people)


def test_one_refused_address_holds_nobody_up(smtp: SmtpServer, run_at: Any) -> None:
    make_reader(email="refused@example.com")
    others = [make_reader() for _ in range(2)]
    smtp.answers["RCPT", "refused"] = "550 no such user"
    run_at(NINE_IN_DUBAI)
    assert sorted(smtp.recipients()) == sorted(str(person.email) for person in others)
    assert smtp.connections == 1


def test_an_email_whose_answer_was_lost_is_not_sent_again(smtp: SmtpServer, run_at: Any) -> None:
    people = [make_reader(username=name) for name in ("first", "second")]
    smtp.answers["DATA END", ""] = "close"
    with pytest.raises(OSError, match="closed"):
        run_at(NINE_IN_DUBAI)
    assert len(smtp.messages) == 1
    job = ProcrastinateJob.objects.get(task_name="notifications.send_digests")
    smtp.answers.clear()
    with time_machine.travel(NINE_IN_DUBAI + timedelta(minutes=1), tick=False):
        tasks.send_digests(**job.args)
    assert sorted(smtp.recipients()) == sorted(str(person.email) for person in people)


def test_a_hundred_people_are_one_job_and_one_connection(
    smtp: SmtpServer, run_at: Any, settings: Any
) -> None:
    settings.DIGEST_JOB_SIZE = 2
    for _ in range(5):
        make_reader()
    assert run_at(NINE_IN_DUBAI) == ["notifications.send_digests"] * 3
    assert (len(smtp.messages), smtp.connections) == (5, 3)


def test_scheduling_takes_a_constant_number_of_statements(django_assert_num_queries: Any) -> None:
    for days, people in ((1, 1), (2, 20)):
        for _ in range(people):
            make_reader()
        at_nine = time_machine.travel(NINE_IN_DUBAI + timedelta(days=days), tick=False)
        # Two batches in transactions, of which the second is empty, and one job.
        with at_nine, django_assert_num_queries(7):
            assert digests.schedule_digests() == people + days - 1


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_link_shows_a_button_and_changes_nothing_by_itself(client: Any, language: str) -> None:
    reader = make_user(language=language)
    path = path_for(reader)
    for method in (client.get, client.head):
        response = method(path, headers={"Accept-Language": "fr"})
        assert (response.status_code, response["Content-Language"]) == (200, language)
        assert not NotificationSettings.objects.exists()
    page = client.get(path).content.decode()
    assert '<form method="post"><button>' in page
    assert ("إلغاء الاشتراك" in page) == (language == "ar")
    for _ in range(2):
        assert client.post(path).status_code == 200
    assert NotificationSettings.objects.get(user=reader).off == ["email:*"]
    assert client.put(path).status_code == 405


def test_the_link_needs_neither_login_nor_a_token_of_forms() -> None:
    reader = make_user()
    browser = Client(enforce_csrf_checks=True)
    response = browser.post(path_for(reader), {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    assert not response.cookies
    assert NotificationSettings.objects.get(user=reader).off == ["email:*"]


@pytest.mark.parametrize("token", ["x", "0" * 32, "0" * 32 + ":x", "%00", "é"])
def test_a_link_that_we_have_not_signed_changes_nothing(client: Any, token: str) -> None:
    make_user()
    for method in (client.get, client.post):
        response = method(f"/unsubscribe/{token}", headers={"Accept-Language": "ar"})
        assert response.status_code == 404
        assert "هذا الرابط غير صالح" in response.content.decode()
    assert not NotificationSettings.objects.exists()


def test_the_link_of_a_deleted_account_changes_nothing(client: Any) -> None:
    reader = make_user(is_active=False, banned_at=EIGHT_IN_DUBAI)
    assert client.post(path_for(reader)).status_code == 200
    assert not NotificationSettings.objects.exists()
