"""The hand-over: the seller enters the six digits that the buyer shows."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import lock_open_account
from accounts.models import User
from orders import access, codes
from orders.error_codes import OrdersErrorCode
from orders.models import Order
from orders.services import paying, timeline
from orders.states import Action, conflict_of, is_handed_over_by_code, require_allowed, require_side, side_of
from payments.selectors import standing_payment
from payments.services.payments import capture_in_person
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, NotFound
from soukloop.core.jsonlib import isoformat

State, Method = Order.State, Order.PaymentMethod


def check_code(*, actor: User, order_id: UUID, code: str) -> None:
    """Compare a code with the order's, and count it if it is wrong; to be called before `hand_over`.

    In a transaction of its own, because the count must stay although the request is refused; the order's lock
    lets parallel attempts be counted one by one. An order that can't be handed over is left to `hand_over`.
    Raises NotFound, Forbidden (`not_the_seller`), and Conflict (`hand_over_code_wrong`,
    `hand_over_code_locked`).
    """
    with transaction.atomic():
        order = access.lock_order_of(actor, order_id)
        require_side(Action.HAND_OVER, side_of(order, actor))
        if not is_handed_over_by_code(order):
            return
        now = database_now()
        _require_not_locked(order, now)
        is_right = codes.is_right(order.hand_over_code, code)
        if not is_right:
            _count_wrong_code(order, actor, now)
    if not is_right:
        _require_not_locked(order, now)
        raise _wrong_code(order)


def hand_over(*, actor: User, order_id: UUID, code: str) -> Order:
    """Record that the seller has handed the product over, which the buyer's code proves.

    What is paid in person counts as paid by it. Raises NotFound, Forbidden (`not_the_seller`), and Conflict
    (`order_…`, `no_hand_over_code`, `hand_over_code_wrong`, `hand_over_code_locked`).
    """
    with transaction.atomic():
        lock_open_account(actor.pk)  # who may owe us a fee by it: see `accounts.hooks`
        order = access.lock_order_of(actor, order_id)
        now = database_now()
        require_allowed(Action.HAND_OVER, order.state, side_of(order, actor))
        if not is_handed_over_by_code(order):
            raise _no_code(order)
        _require_not_locked(order, now)
        if not codes.is_right(order.hand_over_code, code):
            raise _wrong_code(order)
        if order.payment_method == Method.IN_PERSON:
            payment = standing_payment(order.pk)
            assert payment is not None, order.pk
            capture_in_person(payment=payment)
            paying.sell(order, now=now)
        timeline.move(order, State.HANDED_OVER, what="handed_over", actor=actor, now=now)
        return order


def code_shown_to(viewer: User, order: Order) -> str | None:
    """Return the digits for the buyer, while they can be used; None for the seller, and otherwise."""
    if viewer.pk != order.buyer_id or not is_handed_over_by_code(order):
        return None
    return codes.plain_code(order.hand_over_code)


def require_code(viewer: User, order: Order) -> str:
    """Do the same; raises NotFound for the seller, and Conflict (`order_…`, `no_hand_over_code`)."""
    if viewer.pk != order.buyer_id:
        raise NotFound
    code = code_shown_to(viewer, order)
    if code is None:
        raise _no_code(order)
    return code


def _count_wrong_code(order: Order, actor: User, now: datetime) -> None:
    order.code_attempts += 1
    is_last = order.code_attempts >= settings.HAND_OVER_CODE_ATTEMPTS
    if is_last:
        order.code_attempts, order.code_locked_until = 0, now + settings.HAND_OVER_CODE_LOCKED_FOR
    order.save(update_fields=["code_attempts", "code_locked_until"])
    timeline.record(order, "code_locked" if is_last else "wrong_code", actor=actor, now=now)


def _require_not_locked(order: Order, now: datetime) -> None:
    if order.code_locked_until is not None and order.code_locked_until > now:
        raise Conflict(
            _("Too many wrong codes. Try again later."),
            code=OrdersErrorCode.HAND_OVER_CODE_LOCKED,
            details={"locked_until": isoformat(order.code_locked_until)},
        )


def _wrong_code(order: Order) -> Conflict:
    left = settings.HAND_OVER_CODE_ATTEMPTS - order.code_attempts
    return Conflict(
        _("This is not the buyer's code."),
        code=OrdersErrorCode.HAND_OVER_CODE_WRONG,
        details={"attempts_left": left},
    )


def _no_code(order: Order) -> Conflict:
    if order.state == State.PAID:
        return Conflict(_("What is sent has no hand-over code."), code=OrdersErrorCode.NO_HAND_OVER_CODE)
    return conflict_of(order.state)
