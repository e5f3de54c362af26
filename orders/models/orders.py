"""Tables of orders and their histories."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from listings.models import Product
from offers.models import Transaction


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
