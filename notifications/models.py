"""Notifications in people's inboxes."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

TITLE_MAX = 200
BODY_MAX = 500


class NotificationQuerySet(models.QuerySet["Notification"]):
    def of(self, user_id: uuid.UUID) -> "NotificationQuerySet":
        return self.filter(user_id=user_id)

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at=None)


class Notification(models.Model):
    """A notification in one person's inbox."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications", db_index=False
    )  # covered by the index notification_inbox
    kind = models.CharField(max_length=50, help_text="What happened, such as message_new or offer_new")
    title = models.CharField(max_length=TITLE_MAX)
    body = models.CharField(max_length=BODY_MAX, blank=True)
    data = models.JSONField(default=dict, blank=True, help_text="Ids that a client opens")
    collapse_key = models.CharField(  # noqa: DJ001 - unique where there is one
        max_length=100,
        null=True,
        blank=True,
        help_text="A newer one with this key replaces it while unread",
    )
    read_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "collapse_key"],
                condition=Q(read_at=None, collapse_key__isnull=False),
                name="notification_once_while_unread",
            ),
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="notification_inbox"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(fields=["-created_at"], name="notification_latest"),
        )

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
