"""Offers, the sales they become, and the history of both."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import User
from chat.models import Conversation
from listings.models import Product


class OfferQuerySet(models.QuerySet["Offer"]):
    def of(self, user: User) -> Self:
        """Keep the offers that this user made or received."""
        return self.filter(Q(buyer=user) | Q(seller=user))

    def open_at(self, now: datetime) -> Self:
        return self.filter(status=Offer.Status.PENDING, expires_at__gt=now)

    def due_at(self, now: datetime) -> Self:
        """Keep the pending offers whose expiry time has passed, which the job will mark as expired."""
        return self.filter(status=Offer.Status.PENDING, expires_at__lte=now)

    def auto_declined_by(self, now: datetime) -> Self:
        """Keep the pending offers below the minimum price that are to be declined by `now`."""
        return self.filter(status=Offer.Status.PENDING, auto_decline_at__lte=now)

    def in_status(self, status: str, now: datetime) -> Self:
        """Keep the offers with this status at `now`; pending ones past their expiry time count as expired."""
        due = Q(status=Offer.Status.PENDING, expires_at__lte=now)
        if status == Offer.Status.EXPIRED:
            return self.filter(due | Q(status=status))
        return self.filter(status=status).exclude(due)


class Offer(models.Model):
    """A price that a buyer or seller proposes to the other for a product."""

    class Status(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        COUNTERED = "countered"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"
        CANCELLED = "cancelled"  # accepted, then the sale was cancelled

    class CloseReason(models.TextChoices):
        ACCEPTED = "accepted"
        DECLINED = "declined"
        BELOW_MINIMUM = "below_minimum"  # shown to the seller only; the buyer sees "declined"
        ANOTHER_ACCEPTED = "another_offer_accepted"
        PRODUCT_UNAVAILABLE = "product_unavailable"
        PARTY_UNAVAILABLE = "party_unavailable"
        COUNTERED = "countered"
        WITHDRAWN = "withdrawn"
        REPLACED = "replaced"
        EXPIRED = "expired"
        SALE_CANCELLED = "sale_cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="offers")
    buyer = models.ForeignKey(User, models.PROTECT, related_name="offers_as_buyer")
    seller = models.ForeignKey(User, models.PROTECT, related_name="offers_as_seller")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="offers_made")
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="offers")
    parent = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="counter", help_text="The offer this one counters"
    )
    offered_price = models.DecimalField(max_digits=9, decimal_places=2)
    original_price = models.DecimalField(
        max_digits=9, decimal_places=2, help_text="The asking price when the offer was made"
    )
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    fee_feed_type = models.CharField(
        max_length=10,
        choices=Product.FeedType,
        help_text="The sale pays at least this feed's fee, whatever the product's feed is by then",
    )
    message = models.CharField(max_length=1000, blank=True)
    is_purchase = models.BooleanField(
        default=False, db_default=False, help_text="Bought at the asking price, without being asked"
    )
    client_offer_id = models.CharField(
        max_length=64,
        blank=True,
        help_text="An id that the maker's client chose; sent again, it creates no second offer",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    stream_id = models.UUIDField(null=True, help_text="The live stream it was made in")
    auto_decline_at = models.DateTimeField(
        null=True, help_text="When it is declined because it is below the seller's minimum price"
    )
    expires_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=30, choices=CloseReason, blank=True)
    created_at = models.DateTimeField()

    objects = OfferQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["product"], condition=Q(status="accepted"), name="offer_one_accepted_per_product"
            ),
            models.UniqueConstraint(
                fields=["product", "buyer"],
                condition=Q(status="pending"),
                name="offer_one_open_per_product_and_buyer",
            ),
            models.UniqueConstraint(
                fields=["product", "made_by", "client_offer_id"],
                condition=~Q(client_offer_id=""),
                name="offer_once_per_client_id",
            ),
            models.CheckConstraint(condition=Q(offered_price__gt=0), name="offer_price_positive"),
            models.CheckConstraint(
                condition=Q(fee_feed_type__in=["community", "discover"]), name="offer_fee_feed_type_known"
            ),
            models.CheckConstraint(
                condition=Q(auto_decline_at=None) | Q(made_by=F("buyer")),
                name="offer_auto_declined_only_of_buyer",
            ),
            models.CheckConstraint(condition=~Q(buyer=F("seller")), name="offer_between_two_people"),
            models.CheckConstraint(
                condition=Q(made_by=F("buyer")) | Q(made_by=F("seller")), name="offer_made_by_a_party"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", closed_at=None, close_reason="")
                | (~Q(status="pending") & Q(closed_at__isnull=False) & ~Q(close_reason="")),
                name="offer_closed_with_time_and_reason",
            ),
        )
        indexes = (
            models.Index(fields=["buyer", "-created_at"], name="offer_by_buyer"),
            models.Index(fields=["seller", "-created_at"], name="offer_by_seller"),
            models.Index(fields=["product", "-created_at"], name="offer_by_product"),
            models.Index(fields=["expires_at"], condition=Q(status="pending"), name="offer_open_by_expiry"),
            models.Index(
                fields=["auto_decline_at"],
                condition=Q(status="pending", auto_decline_at__isnull=False),
                name="offer_by_auto_decline",
            ),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.offered_price}"

    @property
    def recipient(self) -> User:
        """The side that answers the offer."""
        return self.seller if self.made_by_id == self.buyer_id else self.buyer

    @property
    def sale(self) -> "Transaction | None":
        """The sale of this offer, if it was accepted."""
        return getattr(self, "transaction", None)

    def status_at(self, now: datetime) -> "Offer.Status":
        """Return the status at `now`; a pending offer past its expiry time counts as expired."""
        if self.status == self.Status.PENDING and self.expires_at <= now:
            return self.Status.EXPIRED
        return self.Status(self.status)

    def close_reason_for(self, viewer: User) -> str:
        """Return the close reason for this side: only the seller may learn that there is a minimum price."""
        if self.close_reason == self.CloseReason.BELOW_MINIMUM and viewer.pk != self.seller_id:
            return self.CloseReason.DECLINED
        return self.close_reason


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def due_at(self, now: datetime) -> Self:
        """Keep the pending sales that were not ordered in time, which the job will cancel."""
        return self.filter(status=Transaction.Status.PENDING, expires_at__lte=now)

    def in_status(self, status: str, now: datetime) -> Self:
        """Keep the sales with this status at `now`; pending ones past their time count as cancelled."""
        due = Q(status=Transaction.Status.PENDING, expires_at__isnull=False, expires_at__lte=now)
        if status == Transaction.Status.CANCELLED:
            return self.filter(due | Q(status=status))
        return self.filter(status=status).exclude(due)


class Transaction(models.Model):
    """A sale, by an accepted offer or bought at its price, with the fee rate at the time it was agreed."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        CANCELLED = "cancelled"
        COMPLETED = "completed"
        REFUNDED = "refunded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    offer = models.OneToOneField(Offer, models.PROTECT, related_name="transaction")
    product = models.ForeignKey(Product, models.PROTECT, related_name="transactions")
    buyer = models.ForeignKey(User, models.PROTECT, related_name="purchases")
    seller = models.ForeignKey(User, models.PROTECT, related_name="sales")
    price = models.DecimalField(max_digits=9, decimal_places=2)
    currency = models.CharField(max_length=3)
    fee_rate = models.DecimalField(max_digits=5, decimal_places=4)
    platform_fee = models.DecimalField(max_digits=9, decimal_places=2)
    seller_payout = models.DecimalField(max_digits=9, decimal_places=2)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    stream_id = models.UUIDField(null=True, db_index=True, help_text="The live stream it was sold in")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(
        null=True, help_text="Until when an order must be made; empty once there is one, and for old sales"
    )
    paid_at = models.DateTimeField(null=True, help_text="When the price was paid or the product handed over")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    close_reason = models.CharField(max_length=500, blank=True)

    objects = TransactionQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["product"],
                condition=~Q(status__in=["cancelled", "refunded"]),
                name="transaction_one_standing_per_product",
            ),
            models.CheckConstraint(
                condition=Q(price=F("platform_fee") + F("seller_payout")),
                name="transaction_fee_and_payout_make_price",
            ),
            models.CheckConstraint(
                condition=Q(price__gt=0, platform_fee__gte=0, seller_payout__gte=0),
                name="transaction_amounts_positive",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "paid"], closed_at=None)
                | (~Q(status__in=["pending", "paid"]) & Q(closed_at__isnull=False)),
                name="transaction_closed_with_time",
            ),
        )
        indexes = (
            models.Index(fields=["buyer", "-created_at"], name="transaction_by_buyer"),
            models.Index(fields=["seller", "-created_at"], name="transaction_by_seller"),
            models.Index(
                fields=["expires_at"],
                condition=Q(status="pending", expires_at__isnull=False),
                name="transaction_by_expiry",
            ),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.price}"

    def status_at(self, now: datetime) -> "Transaction.Status":
        """Return the status at `now`; a sale that was not ordered in time counts as cancelled."""
        if self.status == self.Status.PENDING and self.expires_at is not None and self.expires_at <= now:
            return self.Status.CANCELLED
        return self.Status(self.status)


class OfferEvent(models.Model):
    """An entry of an offer's history, written in the transaction of the change and never updated."""

    class Kind(models.TextChoices):
        CREATED = "created"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        COUNTERED = "countered"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"
        CANCELLED = "cancelled"

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="history")
    kind = models.CharField(max_length=10, choices=Kind)
    actor = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="Empty for automatic changes: a price rule or the expiry",
    )
    reason = models.CharField(max_length=30, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["offer", "kind"], name="offer_event_once"),)
        ordering = ("id",)
