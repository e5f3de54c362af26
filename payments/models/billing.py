"""The table of monthly bills for the fees of sales that were paid in person; amounts are in fils."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class FeeBill(models.Model):
    """What a seller owes us for the sales in person of a month, charged to their saved card."""

    class State(models.TextChoices):
        OPEN = "open"
        PAID = "paid"
        OVERDUE = "overdue"  # it could not be charged; no new sales in person until it is
        WAIVED = "waived"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="fee_bills", db_index=False
    )  # covered by the constraint's index
    month = models.DateField(help_text="The first day of the month")
    amount = models.BigIntegerField(help_text="In fils")
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["seller", "month"], name="fee_bill_once_a_month"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="fee_bill_amount_positive"),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.amount / 100:,.2f}"
