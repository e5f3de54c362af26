"""Tables of what finance must look at, and of the nightly comparison with the provider."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Reconciliation(models.Model):
    """A comparison of the ledger with the provider's own list of movements of a day."""

    provider = models.CharField(max_length=20)
    day = models.DateField()
    compared = models.PositiveIntegerField(default=0, help_text="Movements of the provider")
    differences = models.PositiveIntegerField(default=0)
    fetched_account = models.UUIDField(
        null=True, help_text="The seller's account whose movements were fetched last, in the order of ids"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["provider", "day"], name="reconciliation_once_a_day"),)

    def __str__(self) -> str:
        return f"{self.provider} {self.day}"


class FinanceCase(models.Model):
    """Something about money that a person must decide, with both sides' figures."""

    class Kind(models.TextChoices):
        DIFFERENCE = "difference"  # between the ledger and the provider
        LEDGER = "ledger"  # the ledger does not agree with itself or with our rows
        REFUND_FAILED = "refund_failed"
        PAYOUT_FAILED = "payout_failed"
        TRANSFER_FAILED = "transfer_failed"
        CHARGEBACK = "chargeback"
        AMOUNT_MISMATCH = "amount_mismatch"  # the provider tells of other amounts than our row
        REPEATED_CANCELLATIONS = "repeated_cancellations"  # of one pair of buyer and seller
        FEES_WAIVED_OFTEN = "fees_waived_often"  # because a seller accepts disputes of sales in person
        FEE_BILL_OVERDUE = "fee_bill_overdue"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=30, choices=Kind)
    key = models.CharField(max_length=120, help_text="What it is about; open cases have different ones")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    payment = models.ForeignKey("payments.Payment", models.PROTECT, null=True, related_name="cases")
    payout = models.ForeignKey("payments.Payout", models.PROTECT, null=True, related_name="cases")
    ours = models.JSONField(default=dict, help_text="What our rows and the ledger say")
    theirs = models.JSONField(default=dict, help_text="What the provider says")
    note = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(db_index=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    resolution = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(closed_at=None), name="finance_case_one_open"
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | ~Q(resolution=""), name="finance_case_closed_with_resolution"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
