"""Reads of notifications: a user's inbox and unread count."""

from django.db.models import QuerySet

from accounts.models import User
from notifications.models import Notification


def inbox_of(user: User, *, is_unread: bool = False) -> QuerySet[Notification]:
    """Return a user's notifications, or only the unread ones, latest first."""
    notifications = Notification.objects.of(user.pk).in_inbox().order_by("-created_at", "-id")
    return notifications.unread() if is_unread else notifications


def unread_count(user: User) -> int:
    return Notification.objects.of(user.pk).in_inbox().unread().count()
