"""The table of clips: short videos that sellers cut out of their streams."""

import uuid

from django.db import models
from django.db.models import F, Q

from livestream.models.streams import Stream
from soukloop.core.db.fields import UpdatedAtField

CLIP_SECONDS_MIN, CLIP_SECONDS_MAX = 1, 60


class Clip(models.Model):
    """Up to a minute of a stream's video; its times count from the start of the video, as in the replay."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be made"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stream = models.ForeignKey(Stream, models.CASCADE, related_name="clips")
    title = models.CharField(max_length=200, blank=True)
    start_seconds = models.FloatField()
    end_seconds = models.FloatField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    duration_seconds = models.FloatField(null=True, blank=True, help_text="Once it is ready")
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Of the last attempt, for staff")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = UpdatedAtField()  # judged by `resume_pending_clips`

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    start_seconds__gte=0,
                    end_seconds__gt=F("start_seconds"),
                    end_seconds__lte=F("start_seconds") + CLIP_SECONDS_MAX,
                ),
                name="clip_up_to_a_minute",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(duration_seconds__isnull=False), name="clip_ready_with_length"
            ),
        )
        indexes = (models.Index(fields=["stream", "-created_at"]),)
