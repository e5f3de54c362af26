"""Kinds of notification that only tests have, and notifications as people read them."""

import re
from typing import Any

from accounts.models import User
from notifications.kinds import Kind
from notifications.models import Notification
from notifications.services.notify import notify
from notifications.texts import Text, render

PLAIN = Kind(
    name="test",
    label="Test",
    when="In tests",
    title="%(heading)s",
    body="%(text)s",
    link="tests/{n}",
    collapse_key="test:{n}",
    example_params={"heading": "Title", "text": "Text"},
    example_data={"n": 1},
)
REPLACING = Kind(
    name="test_replacing",
    label="Test",
    when="In tests",
    title="%(actor)s",
    body="%(text)s",
    link="tests/{n}",
    collapse_key="test:{n}",
    replaces_unread=True,
    example_params={"actor": "Layla", "text": "Text"},
    example_data={"n": 1},
)


def text_of(notification: Notification, language: str = "en") -> Text:
    """Return the texts without the characters that isolate values from the direction around them."""
    text = render(notification.kind, notification.params, language)
    return Text(*(re.sub("[\u2068\u2069]", "", part) for part in text))


def make_notification(user: User, title: str = "Title", text: str = "Text", **data: Any) -> None:
    """Notify one person of the kind `test`, which the fixture `test_kinds` declares."""
    notify(user_ids=[user.pk], kind=PLAIN, params={"heading": title, "text": text}, data={"n": 1} | data)
