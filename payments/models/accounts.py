"""Tables of sellers' accounts and of saved cards at a card provider."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class SellerAccount(models.Model):
    """A seller's account at a card provider, which receives what buyers pay and sends it to the bank."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="payment_accounts", db_index=False
    )  # covered by the constraint's index
    provider = models.CharField(max_length=20)
    external_id = models.CharField(
        max_length=100, blank=True, help_text="The provider's id; empty until it has answered"
    )
    charges_enabled = models.BooleanField(default=False, help_text="May be paid by card")
    payouts_enabled = models.BooleanField(default=False, help_text="May receive payouts")
    requirements = models.JSONField(
        default=list, help_text="What the provider still asks of the seller: its names of fields"
    )
    disabled_reason = models.CharField(max_length=100, blank=True)
    checked_at = models.DateTimeField(null=True, help_text="When the provider was last asked")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["seller", "provider"], name="seller_account_once"),
            models.UniqueConstraint(
                fields=["provider", "external_id"],
                condition=~Q(external_id=""),
                name="seller_account_external_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id}"


class SavedCard(models.Model):
    """A card that a seller saved at the provider for the monthly bills of fees."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="saved_cards", db_index=False
    )  # covered by the constraint's index
    provider = models.CharField(max_length=20)
    external_customer_id = models.CharField(max_length=100, blank=True)
    external_setup_id = models.CharField(
        max_length=100, blank=True, help_text="Of the form that saves the card"
    )
    client_secret = models.TextField(blank=True, help_text="Encrypted; opens the form that saves the card")
    external_id = models.CharField(
        max_length=100, blank=True, help_text="Of the saved card; empty until the owner has entered one"
    )
    brand = models.CharField(max_length=20, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    expires_on = models.DateField(null=True, help_text="The last day on which it is valid")
    created_at = models.DateTimeField()
    saved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "provider"], name="saved_card_one_per_person"),
        )

    def __str__(self) -> str:
        return f"{self.brand} {self.last4}"
