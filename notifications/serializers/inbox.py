"""Inputs and outputs of the inbox."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from notifications.kinds import KINDS, app_link, web_link
from notifications.models import Notification
from notifications.texts import path_of, render
from soukloop.core.http.fields import IdField
from soukloop.core.http.pagination import CursorField, PageOutput

IDS_MAX = 100


class InboxQuery(serializers.Serializer[None]):
    cursor = CursorField()
    unread = serializers.BooleanField(required=False, default=False, help_text="Only unread notifications")


class MarkReadInput(serializers.Serializer[None]):
    """Either the `ids` of some notifications, or `all`."""

    ids = serializers.ListField(
        child=IdField(), required=False, allow_null=True, default=None, max_length=IDS_MAX
    )
    all = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["all"] == (attrs["ids"] is not None):
            raise serializers.ValidationError({"ids": [_("Send either ids or all.")]})
        return attrs


class NotificationOutput(serializers.Serializer[None]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    body = serializers.CharField()
    data = serializers.DictField(help_text="Ids of the rows to open")  # type: ignore[assignment]
    link = serializers.CharField(help_text="Opens the app where the notification leads")
    web_link = serializers.CharField(help_text="The same for a browser")
    is_read = serializers.BooleanField()
    read_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        # The kinds of all apps are known only once they are loaded.
        kind = serializers.ChoiceField(choices=sorted(KINDS), help_text="What happened")
        return {"kind": kind, **super().get_fields()}


class InboxOutput(PageOutput):
    items = NotificationOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Send it as `cursor` to get the next page")
    unread_count = serializers.IntegerField()


class UnreadCountOutput(serializers.Serializer[None]):
    unread_count = serializers.IntegerField()


class MarkReadOutput(UnreadCountOutput):
    marked = serializers.IntegerField(help_text="Number of notifications that changed from unread to read")


def notification_body(notification: Notification, language: str, time_zone: str) -> dict[str, Any]:
    """Return a NotificationOutput, in this language and with times of this zone."""
    text = render(notification.kind, notification.params, language, time_zone=time_zone)
    path = path_of(notification)
    return {
        "id": notification.pk,
        "kind": notification.kind,
        "title": text.title,
        "body": text.body,
        "data": notification.data,
        "link": app_link(path),
        "web_link": web_link(path),
        "is_read": notification.read_at is not None,
        "read_at": notification.read_at,
        "created_at": notification.created_at,
    }
