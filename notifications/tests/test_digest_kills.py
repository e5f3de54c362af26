"""A worker that is killed while it sends digests."""

import os
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from accounts.tests.factories import make_user
from notifications.models import Notification, NotificationSettings
from notifications.services.digests import send_digests
from notifications.tests.factories import make_notification
from notifications.tests.smtp_server import SmtpServer
from soukloop.core.db.clock import database_now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.usefixtures("test_kinds"),
]

# Sends to the people whose ids are its arguments, and is killed at the second of them, before or after the
# mail server has it.
_WORKER = """
import os, signal, sys
from datetime import datetime
from uuid import UUID
import django
django.setup()
from django.core.mail.backends.smtp import EmailBackend
from notifications.services import digests
is_sent, scheduled_at, *user_ids = sys.argv[1:]
send, emails = EmailBackend.send_messages, []
def send_until_killed(self, messages):
    emails.append(messages)
    if len(emails) == 2 and is_sent == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    send(self, messages)
    if len(emails) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
EmailBackend.send_messages = send_until_killed
digests.send_digests(
    user_ids=[UUID(user_id) for user_id in user_ids], scheduled_at=datetime.fromisoformat(scheduled_at)
)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_nobody_gets_two_emails_and_one_person_at_most_gets_none(when: str, smtp: SmtpServer) -> None:
    people = [make_user(email_confirmed_at=database_now()) for _ in range(4)]
    for person in people:
        NotificationSettings.objects.create(user=person)
        make_notification(person)
    scheduled_at = database_now()
    Notification.objects.update(
        created_at=scheduled_at - timedelta(days=1)
    )  # before 09:00, whatever the time
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    worker = subprocess.run(
        [
            sys.executable,
            "-c",
            _WORKER,
            when,
            scheduled_at.isoformat(),
            *(str(person.pk) for person in people),
        ],
        cwd=settings.BASE_DIR,
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
    assert len(smtp.messages) == (1 if when == "before" else 2)
    for _ in range(2):
        send_digests(user_ids=[person.pk for person in people], scheduled_at=scheduled_at)
    expected = {str(person.email) for person in people}
    if when == "before":
        expected.remove(str(people[1].email))
    assert sorted(smtp.recipients()) == sorted(expected)
