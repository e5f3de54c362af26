"""Every change of an order's state, with its timeline, sale, events, chat messages and notifications.

The caller of every function has locked the order (`orders.access.lock_order`) in its transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat.models import Message
from chat.services import post_message
from chat.system_texts import declare_system_text, system_text
from notifications.services.notify import notify
from offers.models import Transaction
from orders import codes, events, states
from orders.models import Order, OrderEvent
from orders.notification_kinds import NOTICES

S = Order.State
SYSTEM_TEXTS: dict[str, str] = {
    "authorised_in_person": declare_system_text(
        "order_in_person", _("Bought for %(price)s, to be paid in person")
    ),
    "paid": declare_system_text("order_paid", _("Paid by card: %(price)s")),
    "handed_over": declare_system_text("order_handed_over", _("Handed over: %(price)s")),
    "shipped": declare_system_text("order_shipped", _("Sent by the seller: %(price)s")),
    "delivered": declare_system_text("order_delivered", _("Delivered: %(price)s")),
    "assumed_delivered": declare_system_text(
        "order_assumed_delivered", _("Counts as delivered, because nothing was heard of it: %(price)s")
    ),
    "dispute_opened": declare_system_text("dispute_opened", _("Disputed by the buyer: %(price)s")),
    "dispute_reopened": declare_system_text(
        "dispute_reopened", _("Our staff look at the dispute again: %(price)s")
    ),
    "dispute_withdrawn": declare_system_text(
        "dispute_withdrawn", _("The buyer withdrew the dispute: %(price)s")
    ),
    "dispute_accepted": declare_system_text(
        "dispute_accepted", _("The seller accepted the dispute: %(price)s")
    ),
    "dispute_decided": declare_system_text("dispute_decided", _("The dispute is decided: %(price)s")),
    "completed": declare_system_text("order_completed", _("Order completed: %(price)s")),
    "refunded": declare_system_text("order_refunded", _("Order refunded: %(price)s")),
    "partially_refunded": declare_system_text(
        "order_partially_refunded", _("A part of the order was refunded: %(price)s")
    ),
}
"""What happened → the text that the conversation gets. A cancelled sale posts its own."""

_TIMES = {
    S.AUTHORISED: "authorised_at",
    S.PAID: "paid_at",
    S.HANDED_OVER: "handed_over_at",
    S.SHIPPED: "shipped_at",
    S.DELIVERED: "delivered_at",
    S.COMPLETED: "completed_at",
    S.PARTIALLY_REFUNDED: "completed_at",
    S.CANCELLED: "closed_at",
    S.EXPIRED: "closed_at",
}
_COMPLETES_BY_ITSELF = (S.HANDED_OVER, S.DELIVERED)


def move(
    order: Order,
    state: str,
    *,
    what: str,
    actor: User | None,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> OrderEvent:
    """Change a locked order's state, and that of its sale; record, publish and notify what happened.

    `actor` is None for what happens by itself. The sale of an order that is cancelled or expires must be
    cancelled by the caller. Raises Conflict (`order_…`) if the state can't follow the present one.
    """
    if state not in states.TRANSITIONS[order.state]:
        raise states.conflict_of(order.state)
    order.state = state
    if (field := _TIMES.get(S(state))) and getattr(order, field) is None:
        setattr(order, field, now)
    if state != S.PENDING_PAYMENT:
        order.expires_at = None
    order.completes_at = now + settings.ORDER_COMPLETES_AFTER if state in _COMPLETES_BY_ITSELF else None
    if not states.is_handed_over_by_code(order):
        order.hand_over_code, order.code_attempts, order.code_locked_until = "", 0, None
    elif not order.hand_over_code:
        order.hand_over_code = codes.new_code()
    order.save()
    _follow_with_sale(order, now)
    return record(order, what, actor=actor, now=now, data=data)


def record(
    order: Order, what: str, *, actor: User | None, now: datetime, data: Mapping[str, Any] | None = None
) -> OrderEvent:
    """Add what happened to the timeline of a locked order; publish it and notify people of it."""
    entry = OrderEvent.objects.create(
        order=order, state=order.state, what=what, actor=actor, data=dict(data or {}), created_at=now
    )
    events.publish_order_event(order, what, now)
    if text := SYSTEM_TEXTS.get(what):
        _post_system_message(order, text)
    sides = ((order.buyer, order.seller), (order.seller, order.buyer))
    for (person, other), kind in zip(sides, NOTICES.get(what, (None, None)), strict=True):
        if kind is not None and person != actor:
            notify(
                user_ids=[person.pk],
                kind=kind,
                params={
                    "actor": f"@{other.username}",
                    "price": {"amount": str(order.transaction.price), "currency": order.transaction.currency},
                    "product": order.product.title,
                },
                data={
                    "order_id": str(order.pk),
                    "product_id": str(order.product_id),
                    "conversation_id": str(order.transaction.offer.conversation_id),
                },
            )
    return entry


def _follow_with_sale(order: Order, now: datetime) -> None:
    """Give the sale the status of the order's state; one that is cancelled keeps its reason and time."""
    sale, status = order.transaction, states.SALE_STATUS[order.state]
    if status == sale.status:
        return
    sale.status = status
    if status in (Transaction.Status.PENDING, Transaction.Status.PAID):
        sale.closed_at = None
    elif sale.closed_at is None:
        sale.closed_at = now
    if status == Transaction.Status.PAID and sale.paid_at is None:
        sale.paid_at = now
    sale.save(update_fields=["status", "closed_at", "paid_at"])


def _post_system_message(order: Order, text: str) -> None:
    sale = order.transaction
    content, translatable = system_text(text, amount=sale.price, currency=sale.currency)
    post_message(
        conversation=sale.offer.conversation,
        sender=None,
        message_type=Message.Type.SYSTEM,
        content=content,
        data={"order_id": str(order.pk), **translatable},
    )
