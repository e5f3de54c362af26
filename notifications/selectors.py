"""Reads of notifications: a user's inbox, unread count and devices."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.blocks import blocked_between
from accounts.models import Mute, User
from notifications.kinds import names_emailed_at_once
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


def unread_for_email(
    settings: NotificationSettings, *, since: datetime, until: datetime
) -> QuerySet[Notification]:
    """Return the unread notifications of this time for a daily email, latest first.

    Without those of kinds whose email is off, or which are emailed at once, and of people who were muted,
    blocked or banned meanwhile.
    """
    off = [name.removeprefix("email:") for name in settings.off if name.startswith("email:")]
    muted = Mute.objects.filter(muter=settings.user_id).values("muted")
    return (
        Notification.objects.of(settings.user_id)
        .in_inbox()
        .unread()
        .filter(created_at__gt=since, created_at__lte=until)
        .filter(Q(actor=None) | Q(actor__is_active=True) & ~Q(actor__in=muted))
        .exclude(blocked_between(settings.user_id, "actor_id"))
        .exclude(kind__in=[*off, *names_emailed_at_once()])
        .order_by("-created_at", "-id")
    )


def language_of(user_id: UUID) -> str | None:
    """Return the language of a person, or None if there is nobody with this id."""
    return User.objects.filter(pk=user_id).values_list("language", flat=True).first()
