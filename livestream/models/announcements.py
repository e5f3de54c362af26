"""The table of announcements that a stream is live."""

from django.conf import settings
from django.contrib.gis.db.models import PointField
from django.contrib.postgres.fields import ArrayField
from django.db import models

from livestream.models.streams import Stream


class Announcement(models.Model):
    """Who is notified that a stream is live: the people chosen when it went live, followers first.

    One array instead of a row per person, because 200,000 rows would take longer than going live may.
    """

    stream = models.OneToOneField(Stream, models.CASCADE, primary_key=True, related_name="announcement")
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    location = PointField(geography=True, null=True, help_text="Around which neighbours were chosen")
    recipient_ids = ArrayField(models.UUIDField(), help_text="Followers, then neighbours")
    follower_count = models.PositiveIntegerField()
    neighbour_count = models.PositiveIntegerField()
    progress = models.PositiveIntegerField(default=0, help_text="How many of the array the job has read")
    notified = models.PositiveIntegerField(default=0, help_text="How many of those have an inbox row")
    created_at = models.DateTimeField(db_index=True, help_text="By PostgreSQL's clock")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(progress__lte=models.F("follower_count") + models.F("neighbour_count"))
                & models.Q(notified__lte=models.F("progress")),
                name="announcement_progress_in_range",
            ),
        )
        indexes = (models.Index(fields=["seller", "-created_at"]),)

    def __str__(self) -> str:
        return f"Announcement of {self.stream_id}"
