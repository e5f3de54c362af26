"""The table of what providers told us."""

from django.db import models


class WebhookEvent(models.Model):
    """A message from a provider, stored once as it came; a job then asks for the present state."""

    class Result(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        IGNORED = "ignored"  # about something that is not ours
        FAILED = "failed"

    provider = models.CharField(max_length=20)
    event_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=80)
    subject = models.CharField(
        max_length=20, blank=True, help_text="What `object_id` names: payment, refund, payout, …"
    )
    account = models.CharField(max_length=100, blank=True, help_text="The seller's account that it is about")
    object_id = models.CharField(max_length=100, blank=True)
    body = models.JSONField()
    result = models.CharField(max_length=10, choices=Result, default=Result.WAITING)
    error = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField(db_index=True)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_event_once"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
