"""Kinds of notification that only tests have, and notifications as people read them."""

import hashlib
import re
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts.models import User
from notifications.kinds import Kind
from notifications.models import Device, Notification
from notifications.services.notify import notify
from notifications.texts import Text, render

# A point on the curve P-256, as browsers write their public keys.
P256DH = "BMb0dn0CPv2Li9507CjwF3s8tM1JuWvZDxxvO3Guz7dtLxmt4MKP3pOlMq886dA4ld87To2QGjrDWkenQ3tSt5Q"
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


def make_device(user: User, platform: str = "fcm", **values: Any) -> Device:
    """Give a person a device with a token of its own."""
    token = f"https://updates.push.services.mozilla.com/wpush/v2/{uuid4().hex}"
    if platform == Device.Platform.FCM:
        token = f"fcm-{uuid4().hex}"
    else:
        values = {"p256dh": P256DH, "auth": "AAAAAAAAAAAAAAAAAAAAAA"} | values
    token = values.pop("token", token)
    return Device.objects.create(
        user=user,
        platform=platform,
        token=token,
        token_digest=hashlib.sha256(token.encode()).hexdigest(),
        created_at=timezone.now(),
        last_used_at=timezone.now(),
        **values,
    )
