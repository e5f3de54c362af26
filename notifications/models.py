"""Notifications in people's inboxes, the devices that pushes go to, the pushes, and people's settings."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

ALL_EMAILS = "email:*"
"""In `NotificationSettings.off`: no emails, of whatever kind."""


class NotificationQuerySet(models.QuerySet["Notification"]):
    def of(self, user_id: uuid.UUID) -> "NotificationQuerySet":
        return self.filter(user_id=user_id)

    def in_inbox(self) -> "NotificationQuerySet":
        return self.filter(is_in_inbox=True)

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at=None)


class Notification(models.Model):
    """A notification of one person; its texts are rendered from `params` in the reader's present language."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications", db_index=False
    )  # covered by the index notification_inbox
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Who caused it",
    )  # covered by the index notification_actor
    kind = models.CharField(max_length=50, help_text="What happened, such as message_new or offer_new")
    params = models.JSONField(default=dict, blank=True, help_text="Values of the texts")
    data = models.JSONField(default=dict, blank=True, help_text="Ids that a client opens")
    collapse_key = models.CharField(  # noqa: DJ001 - unique where there is one
        max_length=100,
        null=True,
        blank=True,
        help_text="A newer one with this key replaces it while unread",
    )
    version = models.PositiveIntegerField(default=1, help_text="Grows when a newer one replaces it")
    is_in_inbox = models.BooleanField(
        default=True,
        help_text="False if its owner switched the inbox off for this kind, not pushes",
    )
    read_at = models.DateTimeField(null=True, blank=True)
    email_to = models.EmailField(
        blank=True, db_default="", help_text="Where it is still to be emailed at once, if it is"
    )
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
            models.Index(
                fields=["user"], condition=Q(read_at=None, is_in_inbox=True), name="notification_unread"
            ),
            models.Index(fields=["-created_at"], name="notification_latest"),
            models.Index(fields=["actor"], condition=Q(actor__isnull=False), name="notification_actor"),
        )

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"


class Device(models.Model):
    """A phone's app or a browser that a person's pushes go to."""

    class Platform(models.TextChoices):
        FCM = "fcm", "FCM (Android, iOS)"
        WEBPUSH = "webpush", "Web Push"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="devices", db_index=False)
    login = models.ForeignKey(
        "accounts.RefreshFamily", models.CASCADE, null=True, blank=True, related_name="devices"
    )  # its logout ends the device too
    platform = models.CharField(max_length=10, choices=Platform)
    token = models.TextField(help_text="FCM's registration token, or the subscription's endpoint")
    token_digest = models.CharField(max_length=64, help_text="SHA-256 of the token, in hexadecimal")
    p256dh = models.CharField(max_length=100, blank=True, help_text="Public key of a subscription, base64url")
    auth = models.CharField(max_length=30, blank=True, help_text="Secret of a subscription, base64url")
    app_version = models.CharField(max_length=50, blank=True)
    locale = models.CharField(max_length=35, blank=True, help_text="BCP 47, such as ar-AE")
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(help_text="When the app last registered it")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["platform", "token_digest"], name="device_token_once"),
            models.CheckConstraint(
                condition=~Q(platform="webpush") | ~Q(p256dh="") & ~Q(auth=""), name="device_webpush_has_keys"
            ),
        )
        indexes = (models.Index(fields=["user", "-last_used_at"], name="device_user"),)

    def __str__(self) -> str:
        return f"{self.get_platform_display()} of {self.user_id}"


class Push(models.Model):
    """One notification on its way to one device."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SENDING = "sending"
        SENT = "sent"
        REFUSED = "refused"
        EXPIRED = "expired"
        SUPPRESSED = "suppressed"
        LOST = "lost"

    class Priority(models.IntegerChoices):
        HIGH = 0
        NORMAL = 1

    device = models.ForeignKey(Device, models.CASCADE, related_name="pushes")
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="pushes", db_index=False)
    version = models.PositiveIntegerField(help_text="Version of the notification")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    priority = models.PositiveSmallIntegerField(choices=Priority)
    not_before = models.DateTimeField()
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_version = models.PositiveIntegerField(null=True, blank=True, help_text="What is on its way")
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "pushes"
        constraints = (
            models.UniqueConstraint(fields=["notification", "device"], name="push_once"),
            # What the answer to one says of the device is known before the next one is sent.
            models.UniqueConstraint(
                fields=["device"], condition=Q(status="sending"), name="push_one_at_a_time"
            ),
        )
        indexes = (
            models.Index(fields=["priority", "not_before"], condition=Q(status="pending"), name="push_due"),
            models.Index(fields=["claimed_at"], condition=Q(status="sending"), name="push_sending"),
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False), name="push_finished"
            ),
        )

    def __str__(self) -> str:
        return f"Push {self.pk}"


class NotificationSettings(models.Model):
    """What a person wants to hear of, where and when; people without a row have the defaults."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="notification_settings"
    )
    off = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="`channel:kind`, such as push:message_new",
    )
    time_zone = models.CharField(max_length=50, default="Asia/Dubai", help_text="IANA's name")
    quiet_from = models.TimeField(null=True, blank=True, help_text="No pushes from this time of the day")
    quiet_until = models.TimeField(null=True, blank=True, help_text="… until this one; may be past midnight")
    digest_on = models.DateField(
        null=True, blank=True, help_text="The latest day whose email digest was scheduled, in the time zone"
    )
    digest_until = models.DateTimeField(
        null=True, blank=True, help_text="Up to when notifications were in an email digest"
    )

    class Meta:
        verbose_name_plural = "notification settings"
        constraints = (
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False)
                & ~Q(quiet_from=models.F("quiet_until")),
                name="quiet_hours_whole",
            ),
        )

    def __str__(self) -> str:
        return f"Settings of {self.user_id}"


class FollowNotice(models.Model):
    """A person was notified of this follower; kept for a day, so that following again tells nothing new."""

    follower = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False
    )  # covered by the constraint's index
    followed = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["follower", "followed"], name="follow_notice_once"),)

    def __str__(self) -> str:
        return f"{self.follower_id} follows {self.followed_id}"


class WrittenBatch(models.Model):
    """A batch of notifications to many people was written, so that its job does nothing if it runs again."""

    id = models.UUIDField(primary_key=True)
    written_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "written batches"

    def __str__(self) -> str:
        return str(self.pk)
