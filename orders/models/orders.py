"""Tables of orders and their histories."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import User
from listings.models import Product
from offers.models import Transaction


class OrderQuerySet(models.QuerySet["Order"]):
    def of(self, user: User) -> Self:
        """Keep the orders in which this person is the buyer or the seller."""
        return self.filter(Q(buyer=user) | Q(seller=user))

    def between(self, buyer_id: uuid.UUID, seller_id: uuid.UUID) -> Self:
        return self.filter(buyer_id=buyer_id, seller_id=seller_id)

    def in_state(self, state: str, now: datetime) -> Self:
        """Keep the orders in this state at `now`; unpaid ones past their time count as expired."""
        due = Q(state=Order.State.PENDING_PAYMENT, expires_at__lte=now)
        if state == Order.State.EXPIRED:
            return self.filter(due | Q(state=state))
        return self.filter(state=state).exclude(due)

    def due_at(self, now: datetime) -> Self:
        """Keep the unpaid orders whose time has passed, which the job will mark as expired."""
        return self.filter(state=Order.State.PENDING_PAYMENT, expires_at__lte=now)


class Order(models.Model):
    """A product that a buyer is buying: how it is paid, how it gets to them, and how far that is.

    Prices, fee and sides are those of its sale, `transaction`, and are never changed.
    """

    class State(models.TextChoices):
        PENDING_PAYMENT = "pending_payment"
        AUTHORISED = "authorised"  # the card is blocked for it; in person: both sides are bound
        PAID = "paid"
        HANDED_OVER = "handed_over"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        COMPLETED = "completed"
        EXPIRED = "expired"  # not paid in time
        CANCELLED = "cancelled"
        REFUNDED = "refunded"
        PARTIALLY_REFUNDED = "partially_refunded"
        DISPUTED = "disputed"

    class PaymentMethod(models.TextChoices):
        CARD = "card"
        IN_PERSON = "in_person"

    class Delivery(models.TextChoices):
        MEET_UP = "meet_up"
        SHIPPING = "shipping"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    transaction = models.OneToOneField(Transaction, models.PROTECT, related_name="order")
    product = models.ForeignKey(Product, models.PROTECT, related_name="orders")
    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders")
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders_received")
    payment_method = models.CharField(max_length=10, choices=PaymentMethod)
    delivery = models.CharField(max_length=10, choices=Delivery)
    shipping_address = models.JSONField(
        null=True, help_text="A copy of the address as it was when the order was made"
    )
    state = models.CharField(max_length=20, choices=State, default=State.PENDING_PAYMENT)
    expires_at = models.DateTimeField(null=True, help_text="Until when it must be paid; empty once it is")
    hand_over_code = models.TextField(blank=True, help_text="Encrypted; six digits that the buyer shows")
    code_attempts = models.PositiveSmallIntegerField(default=0, help_text="Wrong codes since the last lock")
    code_locked_until = models.DateTimeField(null=True)
    disputed_from = models.CharField(
        max_length=20, choices=State, blank=True, help_text="Its state before the dispute or chargeback"
    )
    carrier = models.CharField(max_length=20, blank=True)
    tracking_number = models.CharField(max_length=60, blank=True)
    asked_at = models.DateTimeField(null=True, help_text="When both were last asked whether they have met")
    completes_at = models.DateTimeField(null=True, help_text="When it completes by itself")
    authorised_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(null=True)
    shipped_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True, help_text="When it was cancelled, or expired")
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    close_reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["product"],
                condition=~Q(state__in=["expired", "cancelled", "refunded"]),
                name="order_one_standing_per_product",
            ),
            models.CheckConstraint(condition=~Q(buyer=F("seller")), name="order_between_two_people"),
            models.CheckConstraint(
                condition=Q(state="pending_payment", expires_at__isnull=False) | ~Q(state="pending_payment"),
                name="order_unpaid_has_deadline",
            ),
            models.CheckConstraint(
                condition=Q(delivery="shipping", shipping_address__isnull=False) | Q(delivery="meet_up"),
                name="order_shipping_has_address",
            ),
            models.CheckConstraint(
                condition=~Q(payment_method="in_person") | Q(delivery="meet_up"), name="order_in_person_meets"
            ),
        )
        indexes = (
            models.Index(fields=["buyer", "-created_at"], name="order_by_buyer"),
            models.Index(fields=["seller", "-created_at"], name="order_by_seller"),
            models.Index(fields=["expires_at"], condition=Q(state="pending_payment"), name="order_by_expiry"),
            models.Index(
                fields=["completes_at"],
                condition=Q(completes_at__isnull=False),
                name="order_by_completion",
            ),
        )

    def __str__(self) -> str:
        return f"{self.product} ({self.state})"

    def state_at(self, now: datetime) -> "Order.State":
        """Return the state at `now`; an unpaid order past its time counts as expired."""
        is_due = self.expires_at is not None and self.expires_at <= now
        if self.state == self.State.PENDING_PAYMENT and is_due:
            return self.State.EXPIRED
        return self.State(self.state)


class OrderEvent(models.Model):
    """An entry of an order's timeline, written in the transaction of the change and never updated."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="timeline")
    state = models.CharField(max_length=20, choices=Order.State, help_text="The order's state afterwards")
    what = models.CharField(max_length=40, help_text="Such as created, paid, wrong_code, dispute_opened")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="Empty for automatic changes",
    )
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.what
