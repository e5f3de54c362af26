"""The ledger: entries whose lines sum to zero and never change; triggers in PostgreSQL see to both."""

from django.conf import settings
from django.db import models
from django.db.models import Func, Q


class Entry(models.Model):
    """Something that happened to money, as lines on accounts."""

    class Kind(models.TextChoices):
        CHARGE = "charge"  # a payment by card was captured
        HAND_OVER_FEE = "hand_over_fee"  # the fee of a sale paid in person
        FEE_PAID = "fee_paid"  # a bill of fees was paid
        RELEASE = "release"  # the seller's share became available
        REFUND = "refund"
        REFUND_RETURNED = "refund_returned"  # a refund failed after it had succeeded
        FEE_WAIVED = "fee_waived"  # of a sale in person that was undone
        CHARGEBACK = "chargeback"
        CHARGEBACK_WON = "chargeback_won"
        CHARGEBACK_LOST = "chargeback_lost"
        PAYOUT = "payout"  # left the available balance
        PAYOUT_PAID = "payout_paid"
        PAYOUT_RETURNED = "payout_returned"
        PROVIDER_FEE = "provider_fee"
        CORRECTION = "correction"  # by staff, with a reason

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(
        max_length=80,
        unique=True,
        help_text="What it is about, so that it is written once: kind and id of the row",
    )
    payment = models.ForeignKey("payments.Payment", models.PROTECT, null=True, related_name="entries")
    payout = models.ForeignKey("payments.Payout", models.PROTECT, null=True, related_name="entries")
    note = models.CharField(max_length=500, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", help_text="Of a correction"
    )
    created_at = models.DateTimeField(db_index=True)
    transaction_id = models.BigIntegerField(
        db_default=Func(function="txid_current"),
        editable=False,
        help_text="PostgreSQL's transaction that wrote it, which alone may add lines",
    )

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class EntryLine(models.Model):
    """An amount on one account; positive is debit, negative credit."""

    class Account(models.TextChoices):
        BUYERS_CHARGES = "buyers_charges"
        PROVIDER_CLEARING = "provider_clearing"  # what the provider holds, ours and the sellers'
        SELLER_PENDING = "seller_pending"  # the sellers' shares of sales that are not completed
        SELLER_AVAILABLE = "seller_available"
        SELLER_ON_ITS_WAY = "seller_on_its_way"
        FEES = "fees"  # without VAT
        VAT = "vat"
        REFUNDS = "refunds"
        DISPUTES = "disputes"  # chargebacks that are not decided
        FEE_DEBT = "fee_debt"  # fees of sales in person that sellers owe us
        PROVIDER_FEES = "provider_fees"  # what the provider keeps of our fees
        ROUNDING = "rounding"

    id = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="lines")
    account = models.CharField(max_length=20, choices=Account)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The seller, on the accounts that each seller has of their own",
    )  # covered by entry_line_by_account
    amount = models.BigIntegerField(help_text="In fils")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(amount=0), name="entry_line_not_zero"),
            models.CheckConstraint(
                condition=Q(
                    account__in=["seller_pending", "seller_available", "seller_on_its_way", "fee_debt"],
                    person__isnull=False,
                )
                | Q(
                    account__in=[
                        "buyers_charges",
                        "provider_clearing",
                        "fees",
                        "vat",
                        "refunds",
                        "disputes",
                        "provider_fees",
                        "rounding",
                    ],
                    person=None,
                ),
                name="entry_line_account_known",
            ),
        )
        indexes = (models.Index("account", "person", include=("amount",), name="entry_line_by_account"),)

    def __str__(self) -> str:
        return f"{self.account} {self.amount / 100:,.2f}"
