"""Tables of the sandbox provider: what a real provider would keep on its own servers.

Nothing here refers to our own rows, and our own code reaches these only through the provider's interface.
Amounts are in fils.
"""

from django.db import models
from django.db.models import F, Q


class SandboxAccount(models.Model):
    """A seller's account, which may be paid by card once its owner has completed the onboarding page."""

    id = models.CharField(primary_key=True, max_length=60)
    key = models.CharField(max_length=200, unique=True, help_text="Of the call that made it")
    reference = models.CharField(max_length=100)
    email = models.CharField(max_length=254, blank=True)
    country = models.CharField(max_length=2)
    business_type = models.CharField(max_length=12, blank=True)
    legal_name = models.CharField(max_length=120, blank=True)
    licence_number = models.CharField(max_length=40, blank=True)
    bank_last4 = models.CharField(max_length=4, blank=True)
    requirements = models.JSONField(default=list)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id

    @property
    def is_ready(self) -> bool:
        return not self.requirements


class SandboxPayment(models.Model):
    """A payment by a test card."""

    class State(models.TextChoices):
        REQUIRES_ACTION = "requires_action"
        AUTHORISED = "authorised"
        CAPTURED = "captured"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.CharField(primary_key=True, max_length=60)
    key = models.CharField(max_length=200, unique=True, help_text="Of the call that made it")
    client_secret = models.CharField(max_length=160, unique=True, help_text="Opens its page")
    account = models.ForeignKey(
        SandboxAccount,
        models.PROTECT,
        null=True,
        related_name="payments",
        help_text="That is charged; empty for the platform's own",
    )
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(help_text="The platform's share")
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=200)
    reference = models.CharField(max_length=100)
    return_url = models.CharField(max_length=500, blank=True)
    test_card = models.CharField(max_length=20, blank=True, help_text="That the payer chose")
    state = models.CharField(max_length=20, choices=State, default=State.REQUIRES_ACTION)
    failure_code = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(amount__gt=0), name="sandbox_payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(fee__gte=0, fee__lte=F("amount")), name="sandbox_payment_fee_within_amount"
            ),
        )

    def __str__(self) -> str:
        return self.id


class SandboxOperation(models.Model):
    """What moves money besides a payment: a refund, chargeback, payout, transfer, or its reversal."""

    class Kind(models.TextChoices):
        REFUND = "refund"
        CHARGEBACK = "chargeback"
        PAYOUT = "payout"
        TRANSFER = "transfer"
        REVERSAL = "reversal"  # of a transfer, or of a part of it

    id = models.CharField(primary_key=True, max_length=60)
    key = models.CharField(max_length=200, unique=True, help_text="Of the call that made it")
    kind = models.CharField(max_length=10, choices=Kind)
    payment = models.ForeignKey(SandboxPayment, models.PROTECT, null=True, related_name="operations")
    account = models.ForeignKey(SandboxAccount, models.PROTECT, null=True, related_name="operations")
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0, help_text="Of a refund: the part of the platform's share")
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=12, help_text="In the words of `payments.providers.base`")
    failure_code = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(amount__gt=0, fee__gte=0), name="sandbox_operation_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(kind="payout", payment=None, account__isnull=False)
                | (~Q(kind="payout") & Q(payment__isnull=False)),
                name="sandbox_operation_has_payment",
            ),
            models.UniqueConstraint(
                fields=["payment"], condition=Q(kind="chargeback"), name="sandbox_chargeback_once"
            ),
        )

    def __str__(self) -> str:
        return self.id


class SandboxMovement(models.Model):
    """A movement on the balance of an account, or of the platform."""

    id = models.CharField(primary_key=True, max_length=60)
    account = models.CharField(max_length=60, blank=True, help_text="Empty for the platform")
    kind = models.CharField(max_length=20, help_text="In the words of `payments.providers.base.Movement`")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    source = models.CharField(max_length=60, help_text="The payment or operation")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["source", "kind", "account"], name="sandbox_movement_once"),
        )
        indexes = (models.Index(fields=["account", "created_at"], name="sandbox_movement_by_account"),)

    def __str__(self) -> str:
        return self.id


class SandboxCardSetup(models.Model):
    """A page on which a person saves a test card, and the card."""

    id = models.CharField(primary_key=True, max_length=60)
    key = models.CharField(max_length=200, unique=True, help_text="Of the call that made it")
    client_secret = models.CharField(max_length=160, unique=True, help_text="Opens its page")
    customer = models.CharField(max_length=60)
    reference = models.CharField(max_length=100)
    email = models.CharField(max_length=254, blank=True)
    card = models.CharField(max_length=60, blank=True, help_text="Empty until one is saved")
    test_card = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["card"], condition=~Q(card=""), name="sandbox_card_once"),
        )

    def __str__(self) -> str:
        return self.id
