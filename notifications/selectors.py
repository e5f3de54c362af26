"""Reads of notifications: a user's inbox, unread count and devices."""

from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import User
from notifications.models import Device, Notification, NotificationQuerySet, NotificationSettings
from soukloop.core.http.pagination import cursor_time, decode_cursor


def inbox_of(user: User, *, is_unread: bool = False) -> NotificationQuerySet:
    """Return a user's notifications, or only the unread ones, latest first."""
    notifications = Notification.objects.of(user.pk).in_inbox().order_by("-created_at", "-id")
    return notifications.unread() if is_unread else notifications


def older_than(inbox: NotificationQuerySet, cursor: str) -> NotificationQuerySet:
    """Return the part of an inbox after the notification that a cursor points to; raises ValidationFailed."""
    time, notification_id = decode_cursor(cursor, cursor_time, UUID)
    return inbox.filter(Q(created_at__lt=time) | Q(created_at=time, pk__lt=notification_id))


def unread_count(user_id: UUID) -> int:
    return Notification.objects.of(user_id).in_inbox().unread().count()


def settings_of(user: User) -> NotificationSettings:
    """Return a person's settings, or the defaults, which are not saved."""
    return NotificationSettings.objects.filter(user=user).first() or NotificationSettings(user=user)


def devices_of(user: User) -> QuerySet[Device]:
    """Return a user's devices, the one used last first."""
    return Device.objects.filter(user=user).order_by("-last_used_at", "pk")
