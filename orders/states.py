"""The state machine of orders, as data: which states may follow each, and who may do what in which state."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from offers.models import Transaction
from orders.error_codes import OrdersErrorCode
from orders.models import Order
from soukloop.core.errors import Conflict, Forbidden

S = Order.State

TRANSITIONS: dict[str, frozenset[str]] = {
    S.PENDING_PAYMENT: frozenset({S.AUTHORISED, S.PAID, S.EXPIRED, S.CANCELLED}),
    S.AUTHORISED: frozenset(
        {S.PAID, S.HANDED_OVER, S.CANCELLED, S.EXPIRED}
    ),  # handed over at once if paid in person
    S.PAID: frozenset({S.HANDED_OVER, S.SHIPPED, S.CANCELLED, S.DISPUTED}),
    S.HANDED_OVER: frozenset({S.COMPLETED, S.DISPUTED, S.REFUNDED, S.PARTIALLY_REFUNDED}),
    S.SHIPPED: frozenset({S.DELIVERED, S.COMPLETED, S.DISPUTED, S.REFUNDED, S.PARTIALLY_REFUNDED}),
    S.DELIVERED: frozenset({S.COMPLETED, S.DISPUTED, S.REFUNDED, S.PARTIALLY_REFUNDED}),
    # Back to where it was if a chargeback is won or the buyer withdraws.
    S.DISPUTED: frozenset(
        {S.PAID, S.HANDED_OVER, S.SHIPPED, S.DELIVERED, S.COMPLETED, S.REFUNDED, S.PARTIALLY_REFUNDED}
    ),
    S.COMPLETED: frozenset({S.DISPUTED, S.REFUNDED, S.PARTIALLY_REFUNDED}),  # by a chargeback or by staff
    S.PARTIALLY_REFUNDED: frozenset({S.REFUNDED, S.DISPUTED, S.COMPLETED}),
    S.CANCELLED: frozenset({S.REFUNDED}),  # it had been paid
    S.EXPIRED: frozenset({S.REFUNDED}),  # it was paid after all, too late
    S.REFUNDED: frozenset(
        {S.CANCELLED, S.EXPIRED, S.COMPLETED, S.PARTIALLY_REFUNDED}
    ),  # the payer's bank returned the refund
}
"""State → the states that may follow."""

_T = Transaction.Status
SALE_STATUS: dict[str, Transaction.Status] = {
    S.PENDING_PAYMENT: _T.PENDING,
    S.AUTHORISED: _T.PENDING,
    S.PAID: _T.PAID,
    S.HANDED_OVER: _T.PAID,
    S.SHIPPED: _T.PAID,
    S.DELIVERED: _T.PAID,
    S.DISPUTED: _T.PAID,
    S.COMPLETED: _T.COMPLETED,
    S.PARTIALLY_REFUNDED: _T.COMPLETED,
    S.CANCELLED: _T.CANCELLED,
    S.EXPIRED: _T.CANCELLED,
    S.REFUNDED: _T.REFUNDED,
}
"""State of an order → status of its sale, which is what other apps see of it."""


OPEN_STATES = frozenset(
    {S.PENDING_PAYMENT, S.AUTHORISED, S.PAID, S.HANDED_OVER, S.SHIPPED, S.DELIVERED, S.DISPUTED}
)
"""Those of orders with which something is still to happen."""


class Action(StrEnum):
    """What buyer or seller can do with an order."""

    PAY = "pay"
    CANCEL = "cancel"
    HAND_OVER = "hand_over"
    SHIP = "ship"
    CONFIRM = "confirm"
    DISPUTE = "dispute"


class Side(StrEnum):
    BUYER = "buyer"
    SELLER = "seller"


@dataclass(frozen=True)
class Rule:
    sides: frozenset[Side]
    states: frozenset[str]


_BUYER, _SELLER = frozenset({Side.BUYER}), frozenset({Side.SELLER})
RULES: dict[Action, Rule] = {
    Action.PAY: Rule(_BUYER, frozenset({S.PENDING_PAYMENT})),
    Action.CANCEL: Rule(_BUYER | _SELLER, frozenset({S.PENDING_PAYMENT, S.AUTHORISED, S.PAID})),
    Action.HAND_OVER: Rule(_SELLER, frozenset({S.AUTHORISED, S.PAID})),
    Action.SHIP: Rule(_SELLER, frozenset({S.PAID})),
    Action.CONFIRM: Rule(_BUYER, frozenset({S.HANDED_OVER, S.SHIPPED, S.DELIVERED})),
    Action.DISPUTE: Rule(_BUYER, frozenset({S.HANDED_OVER, S.SHIPPED, S.DELIVERED})),
}
"""Action → who may take it, and in which states. How it is paid and delivered limits some further."""

# Every code is written out, so that it can be searched for and a test can compare it with docs/errors.md.
_CONFLICTS: dict[str, Callable[[], Conflict]] = {
    S.PENDING_PAYMENT: lambda: Conflict(
        _("This order is not paid yet."), code=OrdersErrorCode.ORDER_PENDING_PAYMENT
    ),
    S.AUTHORISED: lambda: Conflict(
        _("The payment of this order is not completed yet."), code=OrdersErrorCode.ORDER_AUTHORISED
    ),
    S.PAID: lambda: Conflict(_("This order is already paid."), code=OrdersErrorCode.ORDER_PAID),
    S.HANDED_OVER: lambda: Conflict(
        _("This order was already handed over."), code=OrdersErrorCode.ORDER_HANDED_OVER
    ),
    S.SHIPPED: lambda: Conflict(_("This order was already sent."), code=OrdersErrorCode.ORDER_SHIPPED),
    S.DELIVERED: lambda: Conflict(
        _("This order was already delivered."), code=OrdersErrorCode.ORDER_DELIVERED
    ),
    S.COMPLETED: lambda: Conflict(
        _("This order is already completed."), code=OrdersErrorCode.ORDER_COMPLETED
    ),
    S.EXPIRED: lambda: Conflict(
        _("This order was not paid in time and has expired."), code=OrdersErrorCode.ORDER_EXPIRED
    ),
    S.CANCELLED: lambda: Conflict(_("This order was cancelled."), code=OrdersErrorCode.ORDER_CANCELLED),
    S.REFUNDED: lambda: Conflict(_("This order was refunded."), code=OrdersErrorCode.ORDER_REFUNDED),
    S.PARTIALLY_REFUNDED: lambda: Conflict(
        _("A part of this order was refunded."), code=OrdersErrorCode.ORDER_PARTIALLY_REFUNDED
    ),
    S.DISPUTED: lambda: Conflict(
        _("This order is disputed and waits for a decision."), code=OrdersErrorCode.ORDER_DISPUTED
    ),
}


def conflict_of(state: str) -> Conflict:
    """Return the error of an order whose state does not allow something: `order_…`, with its state."""
    error = _CONFLICTS[state]()
    error.details = {"state": state}
    return error


def side_of(order: Order, user: User) -> Side:
    """Return the side of one of an order's two people."""
    return Side.BUYER if user.pk == order.buyer_id else Side.SELLER


def require_side(action: Action, side: Side) -> None:
    """Raise Forbidden (`not_the_buyer`, `not_the_seller`) if this side may never take the action."""
    if side in RULES[action].sides:
        return
    if side == Side.SELLER:
        raise Forbidden(_("Only the buyer may do this."), code=OrdersErrorCode.NOT_THE_BUYER)
    raise Forbidden(_("Only the seller may do this."), code=OrdersErrorCode.NOT_THE_SELLER)


def require_allowed(action: Action, state: str, side: Side) -> None:
    """Raise Forbidden for the wrong side, and Conflict (`order_…`) for the wrong state."""
    require_side(action, side)
    if state not in RULES[action].states:
        raise conflict_of(state)


def actions_of(order: Order, side: Side, now: datetime) -> list[Action]:
    """Return what this side can do with the order at `now`."""
    state = order.state_at(now)
    return [
        action
        for action, rule in RULES.items()
        if side in rule.sides and state in rule.states and _suits(action, order)
    ]


def _suits(action: Action, order: Order) -> bool:
    """Return whether the way in which the order is paid and delivered knows the action."""
    match action:
        case Action.HAND_OVER:
            return is_handed_over_by_code(order)
        case Action.SHIP:
            return order.delivery == Order.Delivery.SHIPPING
    return True


def is_open(state: str) -> bool:
    """Return whether something is still to happen with an order in this state."""
    return state in OPEN_STATES


def is_handed_over_by_code(order: Order) -> bool:
    """Return whether the buyer's code proves the hand-over now: paid, or to be paid in person."""
    if order.payment_method == Order.PaymentMethod.IN_PERSON:
        return order.state == S.AUTHORISED
    return order.state == S.PAID and order.delivery == Order.Delivery.MEET_UP
