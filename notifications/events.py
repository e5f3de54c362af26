"""Events of notifications, sent to the inbox's owner."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers

from notifications.models import Notification
from notifications.texts import Text, link_of
from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.realtime.events import EventSpec, declare_event, publish_on_commit
from soukloop.realtime.rooms import user_room


class NotificationNewOutput(serializers.Serializer[None]):
    notificationId = serializers.UUIDField()
    kind = serializers.CharField(help_text="What happened, such as message_new")
    title = serializers.CharField()
    body = serializers.CharField()
    data = serializers.DictField(help_text="Ids of the rows to open")  # type: ignore[assignment]
    link = serializers.CharField(help_text="Opens the app where the notification leads")
    timestamp = serializers.DateTimeField()


class NotificationReadOutput(serializers.Serializer[None]):
    notificationIds = serializers.ListField(child=serializers.UUIDField(), allow_null=True)
    isDeleted = serializers.BooleanField()
    unreadCount = serializers.IntegerField(min_value=0)
    timestamp = serializers.DateTimeField()


NOTIFICATION_NEW = declare_event(
    EventSpec(
        name="notification:new",
        doc="Your inbox has a new notification. It may replace an unread one, which then has the same id.",
        output=NotificationNewOutput,
        example={
            "notificationId": "7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11",
            "kind": "message_new",
            "title": "testbuyer",
            "body": "Hi! Is this item still available?",
            "data": {"conversation_id": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"},
            "link": "soukloop://conversations/0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
            "timestamp": "2025-10-18T10:00:00Z",
        },
        rooms=("user",),
    )
)


NOTIFICATION_READ = declare_event(
    EventSpec(
        name="notification:read",
        doc="Notifications were read or deleted on one of your devices, or what they are about was seen. "
        "`notificationIds` is null where all were; `unreadCount` is the number on the app's badge then.",
        output=NotificationReadOutput,
        example={
            "notificationIds": ["7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11"],
            "isDeleted": False,
            "unreadCount": 2,
            "timestamp": "2025-10-18T10:00:00Z",
        },
        rooms=("user",),
    )
)


def publish_notification_new(notification: Notification, text: Text) -> None:
    """Publish to the owner's connections when the transaction commits."""
    publish_on_commit(user_room(notification.user_id), NOTIFICATION_NEW.name, _payload(notification, text))


def _payload(notification: Notification, text: Text) -> dict[str, Any]:
    return {
        "notificationId": notification.pk,
        "kind": notification.kind,
        "title": text.title,
        "body": text.body,
        "data": notification.data,
        "link": link_of(notification),
        "timestamp": jsonlib.isoformat(notification.created_at),
    }


def publish_notification_read(
    user_id: UUID, ids: Sequence[UUID] | None, unread_count: int, *, is_deleted: bool = False
) -> None:
    """Publish to the owner's connections when the transaction commits; `ids` None: all were read."""
    payload = {
        "notificationIds": ids,
        "isDeleted": is_deleted,
        "unreadCount": unread_count,
        "timestamp": jsonlib.isoformat(database_now()),
    }
    publish_on_commit(user_room(user_id), NOTIFICATION_READ.name, payload)
