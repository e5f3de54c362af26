"""The state machine of orders, as data: which states may follow each, for both ways to pay."""

from orders.models import Order

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
    S.EXPIRED: frozenset(),
    S.REFUNDED: frozenset(
        {S.CANCELLED, S.COMPLETED, S.PARTIALLY_REFUNDED}
    ),  # the payer's bank returned the refund
}
"""State → the states that may follow."""
