"""The table of providers' own lists of movements, for the nightly comparison."""

from django.conf import settings
from django.db import models


class ProviderMovement(models.Model):
    """A movement on an account, as its provider lists it; amounts are in fils, positive came in."""

    provider = models.CharField(max_length=20)
    external_id = models.CharField(max_length=100)
    account = models.CharField(max_length=100, blank=True, help_text="The seller's account; empty for ours")
    kind = models.CharField(max_length=20, help_text="As payments.providers.base.Movement has them")
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(help_text="What the provider kept; negative if it gave a fee back")
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    source = models.CharField(
        max_length=100, blank=True, help_text="The provider's id of the payment, refund, chargeback or payout"
    )
    day = models.DateField(help_text="The day of business that it belongs to")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["provider", "external_id"], name="provider_movement_once"),
        )
        indexes = (
            models.Index(fields=["provider", "day"], name="provider_movement_by_day"),
            models.Index(fields=["source"], name="provider_movement_by_source"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.amount / 100:,.2f}"
