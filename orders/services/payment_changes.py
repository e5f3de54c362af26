"""What an order does when its payment, a refund of it or a chargeback changes.

Registered with the hooks of payments, which call these functions with the order's and the payment's rows
locked. Payments in person are moved by the order itself, so their changes are not listened to.
"""

from datetime import datetime

from django.db import transaction

from orders import access
from orders.models import Dispute, Order, OrderEvent
from orders.services import closing, paying, timeline
from orders.services.buying import expire
from orders.states import TRANSITIONS
from payments.models import Chargeback, Payment, Refund
from payments.services.payments import cancel_payment, capture_payment
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict

State, Method = Order.State, Order.PaymentMethod


def payment_changed(payment: Payment, previous: str) -> None:
    """Move the order of a payment by card to what the provider has told."""
    if payment.provider == Method.IN_PERSON or (order := _order_of(payment)) is None:
        return
    now = database_now()
    match payment.state:
        case Payment.State.REQUIRES_ACTION:
            if order.state == State.PENDING_PAYMENT:
                timeline.record(order, "payment_ready", actor=None, now=now)
        case Payment.State.AUTHORISED:
            _authorised(order, payment, now)
        case Payment.State.CAPTURED:
            _captured(order, payment, now)
        case Payment.State.FAILED | Payment.State.CANCELLED:
            _ended(order, payment, now)


def refund_changed(refund: Refund, previous: str) -> None:
    """Move the order of a refund that succeeded, or failed after it had."""
    order = _order_of(refund.payment)
    if order is None:
        return
    now = database_now()
    if refund.state == Refund.State.SUCCEEDED:
        _given_back(order, refund.payment, what="refunded", now=now)
    elif refund.state == Refund.State.FAILED and previous == Refund.State.SUCCEEDED:
        _came_back(order, refund.payment, what="refund_returned", now=now)


def chargeback_changed(chargeback: Chargeback, previous: str) -> None:
    """Move the order of a chargeback that was opened or decided."""
    order = _order_of(chargeback.payment)
    if order is None:
        return
    now = database_now()
    match chargeback.state:
        case Chargeback.State.OPEN:
            if State.DISPUTED in TRANSITIONS[order.state]:
                order.disputed_from = order.state
                timeline.move(order, State.DISPUTED, what="chargeback_opened", actor=None, now=now)
            else:
                timeline.record(order, "chargeback_opened", actor=None, now=now)
        case Chargeback.State.WON if previous == Chargeback.State.LOST:
            _came_back(order, chargeback.payment, what="chargeback_won", now=now)
        case Chargeback.State.WON:
            _chargeback_won(order, now)
        case Chargeback.State.LOST:
            _given_back(order, chargeback.payment, what="chargeback_lost", now=now)


def _order_of(payment: Payment) -> Order | None:
    is_order = payment.kind == Payment.Kind.SALE and Order.objects.filter(pk=payment.reference).exists()
    return access.lock_order(payment.reference) if is_order else None


def _authorised(order: Order, payment: Payment, now: datetime) -> None:
    """Sell the product and capture the payment, unless the order no longer wants it."""
    if order.state == State.PENDING_PAYMENT and order.state_at(now) == State.EXPIRED:
        expire(order, now=now)
    elif order.state == State.PENDING_PAYMENT and order.payment_method == Method.CARD:
        _sell(order, now)
        capture_payment(payment_id=payment.pk)
    else:
        cancel_payment(payment=payment)


def _captured(order: Order, payment: Payment, now: datetime) -> None:
    """Mark the order as paid; what was captured although the order is over is refunded."""
    if order.state == State.PENDING_PAYMENT:  # the provider captured at once
        order.payment_method = Method.CARD
        _sell(order, now)
    if order.state == State.AUTHORISED:
        timeline.move(order, State.PAID, what="paid", actor=None, now=now)
    elif order.state in (State.CANCELLED, State.EXPIRED):
        paying.refund_in_full(payment)


def _sell(order: Order, now: datetime) -> None:
    paying.sell(order, now=now)
    timeline.move(order, State.AUTHORISED, what="authorised", actor=None, now=now)


def _ended(order: Order, payment: Payment, now: datetime) -> None:
    """Let the buyer pay again while there is time; cancel an authorised order that can't be captured."""
    if order.state == State.AUTHORISED:
        closing.cancel(order, actor=None, reason="payment_failed", now=now)
        return
    if order.state_at(now) != State.PENDING_PAYMENT:
        return
    is_in_person = order.payment_method == Method.IN_PERSON  # the buyer has changed to it meanwhile
    if is_in_person and _begin_in_person(order, now):
        return
    failure = {"failure_code": payment.failure_code}
    timeline.record(order, "payment_failed", actor=None, now=now, data=failure)


def _begin_in_person(order: Order, now: datetime) -> bool:
    """Begin the payment in person that the buyer has changed to; return False if the seller can't have it.

    A refusal here would keep the provider's answer from being written.
    """
    try:
        with transaction.atomic():
            paying.begin_payment(order, actor=None, now=now)
    except Conflict:
        order.payment_method = Method.CARD
        order.save(update_fields=["payment_method"])
        return False
    return True


def _given_back(order: Order, payment: Payment, *, what: str, now: datetime) -> None:
    """Move an order of whose payment all or a part went back to the buyer.

    A part that is given back before the order is over changes nothing about what comes next.
    """
    is_full = payment.refunded >= payment.amount
    if is_full and order.state == State.PAID:  # by staff
        closing.cancel(order, actor=None, reason="refunded", now=now)
    target = State.REFUNDED if is_full else State.PARTIALLY_REFUNDED
    is_over = order.state in (State.DISPUTED, State.COMPLETED, State.CANCELLED, State.EXPIRED)
    if target in TRANSITIONS[order.state] and (is_full or is_over):
        step = "partially_refunded" if what == "refunded" and not is_full else what
        timeline.move(order, target, what=step, actor=None, now=now)
        if not is_full:
            paying.release_share(order)
    else:
        timeline.record(order, what, actor=None, now=now)


def _came_back(order: Order, payment: Payment, *, what: str, now: datetime) -> None:
    """Move an order back of whose payment less went back to the buyer than we thought."""
    if payment.refunded > 0:
        target = State.PARTIALLY_REFUNDED
    elif order.closed_at is not None:
        expired = OrderEvent.objects.filter(order=order, state=State.EXPIRED).exists()
        target = State.EXPIRED if expired else State.CANCELLED
    else:
        target = State.COMPLETED
    if target in TRANSITIONS[order.state]:
        timeline.move(order, target, what=what, actor=None, now=now)
        if target != State.CANCELLED and target != State.EXPIRED:
            paying.release_share(order)
    else:
        timeline.record(order, what, actor=None, now=now)


def _chargeback_won(order: Order, now: datetime) -> None:
    """Move an order back to where it was, unless a dispute between the two is still open."""
    is_disputed = Dispute.objects.filter(order=order, state=Dispute.State.OPEN).exists()
    if order.state == State.DISPUTED and order.disputed_from and not is_disputed:
        before, order.disputed_from = order.disputed_from, ""
        timeline.move(order, before, what="chargeback_won", actor=None, now=now)
    else:
        timeline.record(order, "chargeback_won", actor=None, now=now)
