"""Tables of who watched a stream, and when."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from livestream.models.streams import Stream


class ViewerSession(models.Model):
    """One connection's time in a stream. A person with two devices has two sessions but is one viewer."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="viewer_sessions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    connection_id = models.CharField(max_length=64)
    neighborhood = models.CharField(max_length=100, blank=True, help_text="The viewer's, at that time")
    joined_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["stream", "connection_id"],
                condition=Q(left_at=None),
                name="viewer_session_open_once",
            ),
            models.CheckConstraint(
                condition=Q(left_at=None) | Q(left_at__gte=models.F("joined_at")),
                name="viewer_session_forwards",
            ),
        )
        indexes = (models.Index(fields=["stream", "user"]),)


class ViewerSample(models.Model):
    """The highest number of viewers in one minute of a stream."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="viewer_samples")
    minute = models.DateTimeField()
    viewers = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream", "minute"], name="viewer_sample_once"),)
