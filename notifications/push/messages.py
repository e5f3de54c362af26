"""Claimed pushes as messages, in the language of their recipients."""

from functools import lru_cache
from typing import NamedTuple

from notifications.kinds import KINDS, app_link, web_link
from notifications.models import Notification, Push
from notifications.push.channels import Message, Target
from notifications.services.pushes import ClaimedPush
from notifications.texts import Text, path_of, render
from soukloop.core import jsonlib


class Delivery(NamedTuple):
    """A claimed push with what its channel needs."""

    push: ClaimedPush
    target: Target
    message: Message


def delivery_of(push: ClaimedPush) -> Delivery:
    """Render a claimed push."""
    target = Target(push.device_id, push.platform, push.token, push.p256dh, push.auth)
    return Delivery(push, target, message_of(push))


def message_of(push: ClaimedPush) -> Message:
    """Render what a push says."""
    text = _render(push.kind, push.params, push.language, push.time_zone)
    path = path_of(Notification(kind=push.kind, data=push.data))
    return Message(
        notification_id=push.notification_id,
        kind=push.kind,
        title=text.title,
        body=text.body,
        language=push.language,
        link=app_link(path),
        url=web_link(path),
        collapse_key=_collapse_key(push),
        badge=push.badge,
        is_urgent=push.priority == Push.Priority.HIGH,
        expires_at=push.expires_at,
        data={name: str(value) for name, value in push.data.items()},
    )


def _collapse_key(push: ClaimedPush) -> str:
    try:
        return KINDS[push.kind].key_for(push.data)
    except KeyError:  # a kind that is gone, or that had another key
        return f"notification:{push.notification_id}"


@lru_cache(maxsize=256)
def _render(kind: str, params: str, language: str, time_zone: str | None) -> Text:
    """Render a text once for all who get it."""
    return render(kind, jsonlib.loads(params), language, time_zone=time_zone)
