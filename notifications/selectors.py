"""Reads of notifications: a user's inbox, unread count and devices."""

from django.db.models import QuerySet

from accounts.models import User
from notifications.models import Device, Notification


def inbox_of(user: User, *, is_unread: bool = False) -> QuerySet[Notification]:
    """Return a user's notifications, or only the unread ones, latest first."""
    notifications = Notification.objects.of(user.pk).in_inbox().order_by("-created_at", "-id")
    return notifications.unread() if is_unread else notifications


def unread_count(user: User) -> int:
    return Notification.objects.of(user.pk).in_inbox().unread().count()


def devices_of(user: User) -> QuerySet[Device]:
    """Return a user's devices, the one used last first."""
    return Device.objects.filter(user=user).order_by("-last_used_at", "pk")
