"""The table of corrections of the ledger that staff propose."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Correction(models.Model):
    """Lines that one member of staff proposes to post, and another posts or rejects."""

    class State(models.TextChoices):
        WAITING = "waiting"
        POSTED = "posted"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lines = models.JSONField(help_text="Of each: account, person where it has one, amount in fils")
    payment = models.ForeignKey("payments.Payment", models.PROTECT, null=True, related_name="corrections")
    note = models.CharField(max_length=500, help_text="Why")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(note=""), name="correction_has_a_reason"),
            models.CheckConstraint(
                condition=~Q(state="posted") | ~Q(decided_by=F("requested_by")),
                name="correction_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_by=None, decided_at=None)
                | (~Q(state="waiting") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="correction_decided_by_somebody",
            ),
        )

    def __str__(self) -> str:
        return self.note
