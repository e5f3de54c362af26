"""Tables of a stream's chat: messages, reactions, moderators, muted viewers."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from livestream.models.streams import Stream


class ChatMessage(models.Model):
    """A message in a stream's chat. A deleted one is kept, and only staff can see it."""

    class AuthorRole(models.TextChoices):
        VIEWER = "viewer"
        MODERATOR = "moderator"
        HOST = "host"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stream = models.ForeignKey(Stream, models.CASCADE, related_name="chat_messages")
    seq = models.PositiveIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    author_role = models.CharField(
        max_length=10,
        choices=AuthorRole,
        default=AuthorRole.VIEWER,
        db_default=AuthorRole.VIEWER,
        help_text="When it was written",
    )
    message = models.CharField(max_length=settings.STREAM_CHAT_MAX_LENGTH)
    client_message_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["stream", "seq"], name="chat_message_seq_once"),
            models.UniqueConstraint(
                fields=["stream", "user", "client_message_id"],
                condition=Q(client_message_id__isnull=False),
                name="chat_message_client_id_once",
            ),
        )
        indexes = (models.Index(fields=["stream", "user", "-created_at"]),)

    def __str__(self) -> str:
        return f"{self.seq}: {self.message[:60]}"


class ReactionTotal(models.Model):
    """How often an emoji was sent in a stream, copied from Redis every few seconds."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="reaction_totals")
    emoji = models.CharField(max_length=16)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream", "emoji"], name="reaction_total_once"),)


class StreamModerator(models.Model):
    """A viewer who may moderate a stream's chat, appointed by the host."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="moderators")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream", "user"], name="stream_moderator_once"),)


class StreamMute(models.Model):
    """A viewer who may watch a stream but not write in its chat."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="mutes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    muted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream", "user"], name="stream_mute_once"),)
