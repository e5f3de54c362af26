"""Tables of payments, refunds and chargebacks; amounts are integers in fils, a hundredth of a dirham."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from payments.models.accounts import SavedCard, SellerAccount


class Payment(models.Model):
    """A sum that one person pays: for a sale to its seller, or for a bill of fees to us."""

    class Kind(models.TextChoices):
        SALE = "sale"
        FEE_BILL = "fee_bill"

    class State(models.TextChoices):
        CREATED = "created"  # the provider has not answered yet
        REQUIRES_ACTION = "requires_action"  # the payer is to enter a card or pass a challenge
        AUTHORISED = "authorised"  # the card is blocked for the amount; in person: both sides are bound
        CAPTURED = "captured"  # the money has moved
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    reference = models.UUIDField(help_text="What is paid: the id of an order or of a bill of fees")
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="payments_made")
    payee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="payments_received"
    )
    provider = models.CharField(max_length=20)
    account = models.ForeignKey(
        SellerAccount, models.PROTECT, null=True, related_name="payments", help_text="Of a sale paid by card"
    )
    card = models.ForeignKey(
        SavedCard, models.SET_NULL, null=True, related_name="+", help_text="That a bill is charged to"
    )
    external_id = models.CharField(max_length=100, blank=True)
    client_secret = models.TextField(
        blank=True, help_text="Encrypted; opens the provider's form for the payer, and is emptied afterwards"
    )
    amount = models.BigIntegerField(help_text="In fils")
    fee = models.BigIntegerField(help_text="Our fee in fils, VAT included, as agreed at the start")
    vat = models.BigIntegerField(help_text="The VAT within the fee, in fils")
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    description = models.CharField(max_length=200, help_text="What the payer reads at the provider")
    state = models.CharField(max_length=20, choices=State, default=State.CREATED)
    failure_code = models.CharField(max_length=60, blank=True, help_text="Why it failed, by the provider")
    refunded = models.BigIntegerField(
        default=0, help_text="The sum of its succeeded refunds and lost chargebacks, in fils"
    )
    is_separate = models.BooleanField(
        default=False, help_text="Charged on our account, and transferred to the seller when it is released"
    )
    released_at = models.DateTimeField(null=True, help_text="When the seller's share became available")
    created_at = models.DateTimeField()
    authorised_at = models.DateTimeField(null=True)
    captured_at = models.DateTimeField(null=True)
    capture_asked_at = models.DateTimeField(null=True, help_text="When the sale asked for the money")
    cancel_asked_at = models.DateTimeField(null=True, help_text="When the sale gave the payment up")
    asked_at = models.DateTimeField(null=True, help_text="When the provider was last asked about it")
    closed_at = models.DateTimeField(null=True, help_text="When it failed or was cancelled")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["reference"],
                condition=~Q(state__in=["failed", "cancelled"]),
                name="payment_one_standing_per_reference",
            ),
            models.UniqueConstraint(
                fields=["provider", "external_id"], condition=~Q(external_id=""), name="payment_external_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(fee__gte=0, fee__lte=F("amount"), vat__gte=0, vat__lte=F("fee")),
                name="payment_fee_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("amount")), name="payment_refunded_within_amount"
            ),
            models.CheckConstraint(
                condition=Q(kind="sale", payee__isnull=False) | Q(kind="fee_bill", payee=None),
                name="payment_of_sale_has_payee",
            ),
            models.CheckConstraint(
                condition=~Q(state="captured") | Q(captured_at__isnull=False),
                name="payment_captured_with_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["failed", "cancelled"], closed_at__isnull=False)
                | (~Q(state__in=["failed", "cancelled"]) & Q(closed_at=None)),
                name="payment_closed_with_time",
            ),
            models.CheckConstraint(
                condition=Q(released_at=None) | Q(state="captured"), name="payment_released_after_capture"
            ),
        )
        indexes = (
            models.Index(fields=["reference", "-created_at"], name="payment_by_reference"),
            models.Index(fields=["state", "created_at"], name="payment_by_state"),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.amount / 100:,.2f}"


class Refund(models.Model):
    """A part of a payment, or all of it, that goes back to the payer."""

    class State(models.TextChoices):
        WAITING = "waiting"  # for the consent of a second member of staff
        REQUESTED = "requested"  # the provider has not answered yet
        PENDING = "pending"  # the provider is working on it
        SUCCEEDED = "succeeded"
        FAILED = "failed"  # also after it had succeeded: a bank can return it
        REJECTED = "rejected"  # by the second member of staff

    class Reason(models.TextChoices):
        CANCELLED = "cancelled"  # the order was cancelled after it was paid
        DISPUTE = "dispute"  # staff decided so in a dispute
        GOODWILL = "goodwill"
        NOT_RECEIVED = "not_received"
        NOT_AS_DESCRIBED = "not_as_described"
        FRAUD = "fraud"
        DUPLICATE = "duplicate"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    amount = models.BigIntegerField(help_text="In fils")
    fee = models.BigIntegerField(default=0, help_text="What of our fee it gives back, VAT included, in fils")
    reason = models.CharField(max_length=20, choices=Reason)
    note = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    external_id = models.CharField(max_length=100, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="Empty for automatic ones",
    )
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    retry_of = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        related_name="retried_as",
        help_text="The failed refund that this one makes once more",
    )
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, help_text="When the provider was last asked about it")
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("requested_by")), name="refund_by_two_people"
            ),
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="refund_external_once"
            ),
        )
        indexes = (models.Index(fields=["state", "created_at"], name="refund_by_state"),)

    def __str__(self) -> str:
        return f"{self.amount / 100:,.2f} of {self.payment_id}"


class Chargeback(models.Model):
    """A payment that the payer's bank takes back; the provider calls it a dispute."""

    class State(models.TextChoices):
        OPEN = "open"
        WON = "won"  # the money stays
        LOST = "lost"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="chargebacks")
    amount = models.BigIntegerField(help_text="In fils")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    reason = models.CharField(max_length=60, blank=True, help_text="The provider's word")
    external_id = models.CharField(max_length=100)
    respond_by = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, help_text="When the provider was last asked about it")
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["external_id"], name="chargeback_external_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="chargeback_amount_positive"),
        )

    def __str__(self) -> str:
        return f"{self.amount / 100:,.2f} of {self.payment_id}"
