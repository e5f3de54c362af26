"""The outbox: messages to rooms that are committed but perhaps not published yet."""

from django.db import models


class OutboxEntry(models.Model):
    """The messages of one transaction; deleted once the channel layer has taken them."""

    messages = models.TextField()  # JSON; an entry is only ever read whole
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "outbox entries"
