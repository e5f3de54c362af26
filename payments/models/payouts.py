"""Tables of payouts to sellers' banks, and of transfers to their accounts; amounts are in fils."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from payments.models.accounts import SellerAccount
from payments.models.payments import Payment


class Payout(models.Model):
    """A seller's available balance on its way from their account at the provider to their bank."""

    class State(models.TextChoices):
        REQUESTED = "requested"  # the provider has not answered yet
        ON_ITS_WAY = "on_its_way"
        PAID = "paid"
        FAILED = "failed"  # also after it was paid: a bank can return it

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="payouts")
    account = models.ForeignKey(SellerAccount, models.PROTECT, related_name="payouts")
    amount = models.BigIntegerField(help_text="In fils")
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    state = models.CharField(max_length=12, choices=State, default=State.REQUESTED)
    external_id = models.CharField(max_length=100, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    arrives_on = models.DateField(null=True)
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, help_text="When the provider was last asked about it")
    closed_at = models.DateTimeField(null=True, help_text="When it was paid or failed")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["account"], condition=Q(state="requested"), name="payout_one_requested_per_account"
            ),
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="payout_external_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payout_amount_positive"),
        )
        indexes = (models.Index(fields=["seller", "-created_at"], name="payout_by_seller"),)

    def __str__(self) -> str:
        return f"{self.currency} {self.amount / 100:,.2f}"


class Transfer(models.Model):
    """The seller's share of a payment that was charged on our account, sent to theirs at the provider."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        REVERSED = "reversed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.OneToOneField(Payment, models.PROTECT, related_name="transfer")
    amount = models.BigIntegerField(help_text="In fils")
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    external_id = models.CharField(max_length=100, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    attempt = models.PositiveSmallIntegerField(
        default=1, help_text="Raised when staff try a failed one again"
    )
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, help_text="When the provider was last asked about it")
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="transfer_external_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_amount_positive"),
        )

    def __str__(self) -> str:
        return f"{self.amount / 100:,.2f} of {self.payment_id}"
