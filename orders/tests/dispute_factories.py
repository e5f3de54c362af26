"""Disputes for tests, and the refunds and chargebacks that decide about them."""

from decimal import Decimal
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts.models import User
from accounts.tests.factories import make_staff
from orders.models import Dispute, Order
from orders.services import disputes
from orders.tests.factories import make_order
from payments.access import lock_payment
from payments.models import Payment, Refund
from payments.selectors import standing_payment
from payments.services.advance.refunds import move_refund

State = Order.State
TEXT = "The sole is torn."


def make_dispute(order: Order | None = None, *, text: str = TEXT, **fields: Any) -> Dispute:
    """Open a dispute as the buyer of an order, by default one that was paid by card and delivered."""
    order = order or make_delivered_order()
    fields = {"reason": Dispute.Reason.DAMAGED} | fields
    dispute = disputes.open_dispute(actor=order.buyer, order_id=order.pk, text=text, **fields)
    order.refresh_from_db()
    return dispute


def make_delivered_order() -> Order:
    return make_order(
        payment_method=Order.PaymentMethod.CARD,
        delivery=Order.Delivery.SHIPPING,
        state=State.DELIVERED,
    )


def decide(dispute: Dispute, decision: str, amount: str | None = None, **fields: Any) -> Dispute:
    """Decide a dispute as staff."""
    return disputes.decide_dispute(
        actor=fields.pop("actor", None) or make_staff(),
        dispute_id=dispute.pk,
        decision=decision,
        refund_amount=Decimal(amount) if amount else None,
        explanation=fields.pop("explanation", "The pictures show it."),
    )


def payment_of(order: Order) -> Payment:
    payment = standing_payment(order.pk)
    assert payment is not None
    return payment


def move_refund_of(order: Order, state: str) -> Refund:
    """Move the last refund of an order as an answer of the provider, or the second person's, would."""
    refund = Refund.objects.filter(payment__reference=order.pk).latest("created_at")
    with transaction.atomic():
        payment = lock_payment(refund.payment_id)
        refund = Refund.objects.select_for_update().get(pk=refund.pk)
        refund.payment = payment
        move_refund(refund, state)
    return refund


def upload_picture(person: User, name: str = "evidence.jpg") -> str:
    """Store a file as a person's upload, and return its URL."""
    stored = default_storage.save(f"images/{person.pk}/{name}", ContentFile(b"not looked into"))
    return default_storage.url(stored)
