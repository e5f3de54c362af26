"""Tables of disputes about orders."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from orders.models.orders import Order


class Dispute(models.Model):
    """A buyer's claim about an order that they received, or did not; staff decide it."""

    class Reason(models.TextChoices):
        NOT_RECEIVED = "not_received"
        NOT_AS_DESCRIBED = "not_as_described"
        DAMAGED = "damaged"
        COUNTERFEIT = "counterfeit"
        WRONG_ITEM = "wrong_item"
        OTHER = "other"

    class State(models.TextChoices):
        OPEN = "open"
        WITHDRAWN = "withdrawn"  # by the buyer
        ACCEPTED = "accepted"  # by the seller: refunded in full
        DECIDED = "decided"  # by staff

    class Decision(models.TextChoices):
        FULL_REFUND = "full_refund"
        PARTIAL_REFUND = "partial_refund"
        NO_REFUND = "no_refund"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="disputes")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=20, choices=Reason)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decision = models.CharField(max_length=20, choices=Decision, blank=True)
    refund_amount = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    explanation = models.CharField(max_length=1000, blank=True, help_text="Told to both sides")
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["order"], condition=Q(state="open"), name="dispute_one_open_per_order"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="dispute_closed_with_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="decided") | ~Q(decision=""), name="dispute_decided_with_decision"
            ),
        )

    def __str__(self) -> str:
        return f"{self.reason} ({self.state})"


class DisputeEvidence(models.Model):
    """What one side says and shows about a dispute."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dispute = models.ForeignKey(Dispute, models.PROTECT, related_name="evidence")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.CharField(max_length=2000, blank=True)
    image_urls = models.JSONField(default=list)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "evidence of disputes"
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return self.text[:60]
