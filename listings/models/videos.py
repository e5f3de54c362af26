"""Videos that sellers upload for their products."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from listings.media import stored


class VideoUpload(models.Model):
    """A video from its first byte until it can be watched.

    What was received is in MEDIA_ROOT (`listings.video_files`); what viewers get is in the media storage.
    """

    class State(models.TextChoices):
        UPLOADING = "uploading"
        WAITING = "waiting"  # for the job that makes it
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"

    class Reason(models.TextChoices):
        """Why a video is `failed`."""

        UNSUPPORTED_FORMAT = "unsupported_format", _("Use an MP4, MOV or WebM video.")
        UNREADABLE = "unreadable", _("The video is damaged or incomplete.")
        NO_PICTURE = "no_picture", _("The file contains no video.")
        TOO_LONG = "too_long", _("The video is too long.")
        TOO_LARGE = "too_large", _("The video's picture is too large.")
        PROCESSING_FAILED = "processing_failed", _("The video couldn't be processed. Upload it again.")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="video_uploads")
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADING)
    size = models.PositiveBigIntegerField(help_text="Bytes of the whole file, as its sender declared them")
    received = models.PositiveBigIntegerField(default=0, help_text="Bytes that are on the disk")
    file_name = models.CharField(max_length=200, blank=True, help_text="As its sender named it")
    expires_at = models.DateTimeField(help_text="When it is deleted unless it is complete")

    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent of the processing")
    attempts = models.PositiveSmallIntegerField(default=0)
    duration_seconds = models.FloatField(null=True, blank=True)
    poster = models.CharField(max_length=255, blank=True, help_text="Name in the media storage")
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    error = models.TextField(blank=True, help_text="What ffmpeg or the storage said, for staff")

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(size__gt=0), name="videoupload_has_bytes"),
            models.CheckConstraint(condition=Q(received__lte=F("size")), name="videoupload_up_to_its_size"),
            models.CheckConstraint(
                condition=Q(state="uploading", received__lt=F("size"))
                | ~Q(state="uploading") & Q(received=F("size")),
                name="videoupload_complete_when_processed",
            ),
            models.CheckConstraint(
                condition=Q(state="failed") & ~Q(reason="") | ~Q(state="failed") & Q(reason=""),
                name="videoupload_fails_for_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(duration_seconds__isnull=False) & ~Q(poster=""),
                name="videoupload_ready_with_poster",
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="videoupload_percent"),
        )
        indexes = (models.Index(fields=["state", "updated_at"], name="videoupload_state"),)

    def __str__(self) -> str:
        return f"Video {self.pk}"

    @property
    def url(self) -> str:
        """Where viewers get the video once it is ready; known before."""
        return stored.video_url(self.owner_id, self.pk)
