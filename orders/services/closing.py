"""Cancelling and completing orders, by a person or by time, and asking about meetings."""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q

from accounts.models import User
from listings.models import Product
from offers.models import Transaction
from offers.services.sales import cancel_sale
from orders import access
from orders.models import Order, OrderQuerySet
from orders.services import fee_avoidance, paying, timeline
from orders.states import Action, require_allowed, side_of
from soukloop.core.db.clock import database_now
from soukloop.core.errors import DomainError
from soukloop.core.jobs.queue import enqueue

logger = logging.getLogger(__name__)
State = Order.State


def cancel_order(*, actor: User, order_id: UUID, reason: str = "") -> Order:
    """Cancel an order that was not handed over or sent; what was paid is refunded.

    The product is on sale again, as `offers.services.sales.cancel_sale` says. Raises NotFound, and Conflict
    (`order_…`).
    """
    with transaction.atomic():
        order = access.lock_order_of(actor, order_id)
        _cancel_by(actor, order, reason)
        return order


def cancel_order_of_sale(sale: Transaction, actor: User, reason: str) -> bool:
    """Cancel the order of a locked sale; return whether there is one. Raises Conflict (`order_…`)."""
    order = access.lock_order_of_sale(sale)
    if order is None:
        return False
    _cancel_by(actor, order, reason)
    return True


def cancel_orders_of_product(product: Product, reason: str) -> None:
    """Cancel the unpaid order of a product that was hidden or deleted; the caller has locked the product."""
    unpaid = Order.objects.filter(product=product, state__in=[State.PENDING_PAYMENT, State.AUTHORISED])
    for order_id in unpaid.values_list("pk", flat=True):
        cancel(access.lock_order(order_id), actor=None, reason=f"product_{reason}", now=database_now())


def enqueue_closing_for_account(user: User) -> None:
    """Enqueue a job that cancels the orders which a closed account can't carry out any more."""
    enqueue("orders.close_for_person", user_id=str(user.pk))


def cancel_orders_of_person(user_id: UUID) -> int:
    """Cancel the orders of a closed account that were neither handed over nor sent; return how many.

    Runs as a job, with one transaction for each: a ban holds other locks already. What the person bought and
    paid, and is to be sent, can still be sent.
    """
    as_seller = Q(seller_id=user_id, state__in=[State.PENDING_PAYMENT, State.AUTHORISED, State.PAID])
    as_buyer = Q(buyer_id=user_id) & (
        Q(state__in=[State.PENDING_PAYMENT, State.AUTHORISED])
        | Q(state=State.PAID, delivery=Order.Delivery.MEET_UP)
    )
    affected = Order.objects.filter(as_seller | as_buyer)
    return _each(affected, lambda order, now: cancel(order, actor=None, reason="account_closed", now=now))


def confirm_order(*, actor: User, order_id: UUID) -> Order:
    """Complete an order as its buyer, who has what was bought. Raises NotFound, Forbidden, Conflict."""
    with transaction.atomic():
        order = access.lock_order_of(actor, order_id)
        require_allowed(Action.CONFIRM, order.state, side_of(order, actor))
        complete(order, actor=actor, now=database_now())
        return order


def complete(order: Order, *, actor: User | None, now: datetime) -> None:
    """Complete a locked order, and let the seller have their share."""
    state = State.PARTIALLY_REFUNDED if paying.is_partly_refunded(order) else State.COMPLETED
    timeline.move(order, state, what="completed", actor=actor, now=now)
    paying.release_share(order)


def cancel(order: Order, *, actor: User | None, reason: str, now: datetime) -> None:
    """Cancel a locked order that was not handed over or sent; `actor` is None if nobody decided it."""
    cancel_sale(order.transaction, actor=actor, reason=reason, now=now)
    order.closed_by, order.close_reason = actor, reason
    timeline.move(order, State.CANCELLED, what="cancelled", actor=actor, now=now)
    paying.give_up_payment(order)


def complete_due_orders() -> int:
    """Complete the orders whose time for complaints is over; return how many."""
    due = Order.objects.filter(completes_at__lte=database_now())
    return _each(due, lambda order, now: complete(order, actor=None, now=now))


def cancel_unsent_orders() -> int:
    """Cancel and refund the paid orders that were neither handed over nor sent in ORDER_SHIP_WITHIN."""
    late = Order.objects.filter(state=State.PAID, paid_at__lte=database_now() - settings.ORDER_SHIP_WITHIN)
    return _each(late, lambda order, now: cancel(order, actor=None, reason="not_sent", now=now))


def ask_about_meetings() -> int:
    """Ask both sides of orders in person every ORDER_MEETING_ASKED_AFTER; return how many orders."""
    long_ago = database_now() - settings.ORDER_MEETING_ASKED_AFTER
    waiting = Order.objects.filter(
        Q(asked_at=None, authorised_at__lte=long_ago) | Q(asked_at__lte=long_ago),
        state=State.AUTHORISED,
        payment_method=Order.PaymentMethod.IN_PERSON,
    )
    return _each(waiting, _ask)


def _ask(order: Order, now: datetime) -> None:
    order.asked_at = now
    order.save(update_fields=["asked_at"])
    timeline.record(order, "meeting_asked", actor=None, now=now)


def _cancel_by(actor: User, order: Order, reason: str) -> None:
    now = database_now()
    require_allowed(Action.CANCEL, order.state_at(now), side_of(order, actor))
    cancel(order, actor=actor, reason=reason, now=now)
    fee_avoidance.report_pair(order, now)


def _each(orders: OrderQuerySet, act: Callable[[Order, datetime], None]) -> int:
    """Call `act` on each of these orders, locked, that still belongs to them; return how many.

    Each has a transaction of its own, and one that fails is left for the next run.
    """
    done = 0
    for order_id in orders.order_by("pk").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                order = access.lock_order(order_id)
                if not orders.filter(pk=order_id).exists():
                    continue
                act(order, database_now())
                done += 1
        except (DomainError, OperationalError):
            logger.exception("closing order %s failed", order_id)
    return done
