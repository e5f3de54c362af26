"""Tables of streams and of the products shown in them."""

import secrets
import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from soukloop.core.db.clock import database_now


def new_public_id() -> str:
    """Return a name for a stream's video in public URLs; it reveals nothing of the stream key."""
    return f"stream_{secrets.token_hex(8)}"


class StreamQuerySet(models.QuerySet["Stream"]):
    def live(self) -> "StreamQuerySet":
        return self.filter(status=Stream.Status.LIVE)

    def of_seller(self, seller_id: uuid.UUID) -> "StreamQuerySet":
        return self.filter(seller_id=seller_id)


class Stream(models.Model):
    """A live broadcast by a seller. Its counts are approximate while it is live, and exact after its end."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        LIVE = "live"
        ENDED = "ended"
        CANCELLED = "cancelled"

    class Audience(models.TextChoices):
        EVERYONE = "everyone"
        FOLLOWERS = "followers"

    class EndReason(models.TextChoices):
        OWNER = "owner", "ended by its seller"
        STAFF = "staff", "ended by staff"
        PUBLISHER_GONE = "publisher_gone", "the encoder left and did not come back"
        NEVER_PUBLISHED = "never_published", "no encoder ever connected"
        ACCOUNT_CLOSED = "account_closed", "the seller's account was closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    public_id = models.CharField(max_length=40, unique=True, default=new_public_id, editable=False)
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="streams")
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=5000, blank=True)
    category = models.ForeignKey("listings.Category", models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.SCHEDULED)

    audience = models.CharField(max_length=10, choices=Audience, default=Audience.EVERYONE)
    estimated_duration = models.PositiveSmallIntegerField(default=30, help_text="Minutes")
    scheduled_at = models.DateTimeField(null=True, blank=True, help_text="When it is to begin")
    schedule_told_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When followers were last notified of its time"
    )
    schedule_told_for = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The time that they were notified of"
    )
    notify_followers = models.BooleanField(default=True)
    notify_neighborhood = models.BooleanField(default=False)
    enable_chat = models.BooleanField(default=True)
    enable_comments = models.BooleanField(default=True)
    record_stream = models.BooleanField(default=True)
    slow_mode_seconds = models.PositiveSmallIntegerField(
        default=0, help_text="Seconds between two messages of one viewer; 0 is off"
    )

    key_digest = models.CharField(
        max_length=64, null=True, blank=True, unique=True, editable=False, help_text="Of the stream key"
    )
    notifications_sent = models.PositiveIntegerField(default=0)

    viewer_count = models.PositiveIntegerField(default=0)
    peak_viewers = models.PositiveIntegerField(default=0)
    unique_viewers = models.PositiveIntegerField(default=0)
    average_watch_seconds = models.PositiveIntegerField(null=True)
    total_likes = models.PositiveBigIntegerField(default=0)
    chat_count = models.PositiveIntegerField(default=0, help_text="Messages that were not deleted")
    last_chat_seq = models.PositiveIntegerField(default=0)

    end_reason = models.CharField(max_length=20, choices=EndReason, blank=True)
    end_note = models.CharField(max_length=500, blank=True, help_text="Why staff ended it")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    objects = StreamQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["seller"], condition=Q(status="live"), name="stream_one_live_per_seller"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["live", "ended"], started_at__isnull=False)
                | Q(status__in=["scheduled", "cancelled"], started_at__isnull=True),
                name="stream_started_once_live",
            ),
            models.CheckConstraint(
                condition=Q(status="ended", ended_at__isnull=False)
                | (~Q(status="ended") & Q(ended_at__isnull=True)),
                name="stream_ended_once_over",
            ),
            models.CheckConstraint(
                condition=Q(slow_mode_seconds=0) | Q(slow_mode_seconds__range=(3, 120)),
                name="stream_slow_mode_range",
            ),
        )
        indexes = (
            models.Index(fields=["status", "-started_at", "id"]),
            models.Index(fields=["seller", "-created_at"]),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_live(self) -> bool:
        return self.status == self.Status.LIVE

    @property
    def duration_seconds(self) -> int:
        """How many whole seconds the stream has been, or was, live."""
        if self.started_at is None:
            return 0
        return max(0, int(((self.ended_at or database_now()) - self.started_at).total_seconds()))


class StreamProduct(models.Model):
    """A product in a stream, its current position in the video, and how many people tapped it."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="stream_products")
    product = models.ForeignKey("listings.Product", models.CASCADE, related_name="stream_products")
    position = models.PositiveSmallIntegerField(default=0)
    clicks = models.PositiveIntegerField(default=0)
    tag_x = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)])
    tag_y = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)])
    tag_timestamp_seconds = models.PositiveIntegerField(null=True, blank=True)
    first_tagged_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="Removed while live; kept for the analytics"
    )
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["stream", "product"], name="stream_product_once"),
            models.CheckConstraint(
                condition=Q(tag_x=None, tag_y=None, tag_timestamp_seconds=None)
                | Q(
                    tag_x__range=(0, 1),
                    tag_y__range=(0, 1),
                    tag_timestamp_seconds__isnull=False,
                ),
                name="stream_product_tag_on_picture",
            ),
        )


class ProductClick(models.Model):
    """A person who tapped a product in a stream or its replay; `StreamProduct.clicks` counts them."""

    stream_product = models.ForeignKey(StreamProduct, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream_product", "user"], name="product_click_once"),)


class ProductTag(models.Model):
    """A product's position in the video at one time, kept for the replay."""

    stream_product = models.ForeignKey(StreamProduct, models.CASCADE, related_name="tags")
    x = models.FloatField()
    y = models.FloatField()
    timestamp_seconds = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(x__range=(0, 1), y__range=(0, 1)), name="product_tag_on_picture"
            ),
        )
