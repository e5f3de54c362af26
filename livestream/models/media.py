"""The encoder's connections to the media server, and the replay that is made of what they sent."""

from django.db import models
from django.db.models import Q

from livestream.models.streams import Stream


class PublisherConnection(models.Model):
    """One stay of an encoder at the media server; a stream whose encoder came back has several."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="publisher_connections")
    client_id = models.CharField(max_length=32, help_text="The media server's number of the connection")
    connected_at = models.DateTimeField()
    lost_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["stream"], condition=Q(lost_at=None), name="publisher_one_per_stream"
            ),
        )
        indexes = (models.Index(fields=["stream", "-connected_at"]),)


class Replay(models.Model):
    """What is left of the video when the stream is over, and how far its making is."""

    class State(models.TextChoices):
        WAITING = "waiting", "the recording is still being written"
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"
        EMPTY = "empty", "nothing was broadcast"

    class Step(models.TextChoices):
        """In their order; `step` is the last one that is done."""

        JOIN = "join", "recordings joined to one MP4"
        SEGMENT = "segment", "HLS made"
        POSTER = "poster", "poster made"
        PUBLISH = "publish", "files in the storage"

    stream = models.OneToOneField(Stream, models.CASCADE, related_name="replay", primary_key=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    step = models.CharField(max_length=10, choices=Step, blank=True)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent")
    duration_seconds = models.FloatField(null=True, blank=True)
    parts = models.JSONField(
        default=list,
        help_text="For each recording: when its first frame came (Unix time) and how many seconds it has",
    )
    has_poster = models.BooleanField(default=False, help_text="Sound alone has none")
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(progress__lte=100), name="replay_progress_percent"),
        )
