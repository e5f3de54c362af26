"""Tables of encoders' connections to the media server, and of the replays made from their recordings."""

from django.db import models
from django.db.models import Q

from livestream.models.streams import Stream
from soukloop.core.db.fields import UpdatedAtField


class PublisherConnection(models.Model):
    """An encoder's connection to the media server; a stream whose encoder reconnected has several."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="publisher_connections")
    client_id = models.CharField(max_length=32, help_text="The media server's id of the connection")
    connected_at = models.DateTimeField()
    lost_at = models.DateTimeField(null=True, blank=True)
    first_segment_at = models.DateTimeField(
        null=True, blank=True, help_text="When viewers could fetch its first segment"
    )
    refusal = models.CharField(
        max_length=30,
        blank=True,
        help_text="Code of the reason why it was disconnected: nobody could watch it",
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["stream"], condition=Q(lost_at=None), name="publisher_one_per_stream"
            ),
        )
        indexes = (models.Index(fields=["stream", "-connected_at"]),)


class Replay(models.Model):
    """The recorded video of an ended stream, and the progress of its processing."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for the recording"
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"
        EMPTY = "empty", "nothing was recorded"
        WITHDRAWN = "withdrawn"

    class Step(models.TextChoices):
        """The steps of the processing, in order; `Replay.step` is the last completed one."""

        JOIN = "join", "recordings joined to one MP4"
        SEGMENT = "segment", "HLS segments created"
        POSTER = "poster", "poster created"
        PUBLISH = "publish", "files uploaded to the storage"
        CHECK = "check", "uploaded video decoded from start to end"

    class Reason(models.TextChoices):
        """Why there is no replay, in words for the seller."""

        UNSUPPORTED_CODEC = (
            "unsupported_codec",
            "The encoder sent a format that can't be shown. Set it to H.264 video and AAC audio.",
        )
        RECORDING_UNREADABLE = "recording_unreadable", "What the encoder sent can't be read."
        RECORDING_MISSING = "recording_missing", "The stream could not be recorded."
        PROCESSING_FAILED = "processing_failed", "The replay could not be made. Our staff have been told."
        ENDED_BY_STAFF = "ended_by_staff", "Our staff ended this stream, so it has no replay."
        REMOVED_BY_STAFF = "removed_by_staff", "Our staff removed this replay."
        ACCOUNT_BANNED = "account_banned", "The seller's account is banned."
        ACCOUNT_DELETED = "account_deleted", "The seller's account was deleted."

    stream = models.OneToOneField(Stream, models.CASCADE, related_name="replay", primary_key=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    step = models.CharField(max_length=10, choices=Step, blank=True)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent")
    duration_seconds = models.FloatField(null=True, blank=True)
    parts = models.JSONField(
        default=list,
        help_text="Of what was sent without a pause: the Unix time of its first frame, its length in seconds",
    )
    reason = models.CharField(
        max_length=20, choices=Reason, blank=True, help_text="Why it failed or was withdrawn"
    )
    has_poster = models.BooleanField(default=False, help_text="False if the encoder sent no picture")
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Of the last attempt, for staff")
    checked_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the video was found to play; the recordings are kept until then",
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = UpdatedAtField()  # judged by `resume_pending_replays`

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(progress__lte=100), name="replay_progress_percent"),
            models.CheckConstraint(
                condition=Q(state="withdrawn", withdrawn_at__isnull=False)
                | (~Q(state="withdrawn") & Q(withdrawn_at=None)),
                name="replay_withdrawn_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["failed", "withdrawn"]) | Q(reason=""), name="replay_reason_if_none"
            ),
        )
