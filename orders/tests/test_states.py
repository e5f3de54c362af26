"""The full matrix of orders: every state after every other, and every action in every state by every side."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from orders.models import Order
from orders.states import RULES, SALE_STATUS, TRANSITIONS, Action, Side, require_allowed
from soukloop.core.errors import Conflict, Forbidden

S = Order.State
NOW = datetime(2025, 10, 18, 10, tzinfo=UTC)

# Written out, because a test must not read its expectations from the table that it tests.
FOLLOWING: dict[str, set[str]] = {
    "pending_payment": {"authorised", "paid", "expired", "cancelled"},
    "authorised": {"paid", "handed_over", "expired", "cancelled"},
    "paid": {"handed_over", "shipped", "cancelled", "disputed"},
    "handed_over": {"completed", "disputed", "refunded", "partially_refunded"},
    "shipped": {"delivered", "completed", "disputed", "refunded", "partially_refunded"},
    "delivered": {"completed", "disputed", "refunded", "partially_refunded"},
    "disputed": {
        "paid",
        "handed_over",
        "shipped",
        "delivered",
        "completed",
        "refunded",
        "partially_refunded",
    },
    "completed": {"disputed", "refunded", "partially_refunded"},
    "partially_refunded": {"refunded", "disputed", "completed"},
    "cancelled": {"refunded"},
    "expired": {"refunded"},
    "refunded": {"cancelled", "expired", "completed", "partially_refunded"},
}
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("pay", "buyer"): {"pending_payment"},
    ("cancel", "buyer"): {"pending_payment", "authorised", "paid"},
    ("cancel", "seller"): {"pending_payment", "authorised", "paid"},
    ("hand_over", "seller"): {"authorised", "paid"},
    ("ship", "seller"): {"paid"},
    ("confirm", "buyer"): {"handed_over", "shipped", "delivered"},
    ("dispute", "buyer"): {"handed_over", "shipped", "delivered"},
}
SALE = {
    "pending_payment": "pending",
    "authorised": "pending",
    "paid": "paid",
    "handed_over": "paid",
    "shipped": "paid",
    "delivered": "paid",
    "disputed": "paid",
    "completed": "completed",
    "partially_refunded": "completed",
    "cancelled": "cancelled",
    "expired": "cancelled",
    "refunded": "refunded",
}


@pytest.mark.parametrize(("state", "following"), list(itertools.product(S.values, S.values)))
def test_each_state_follows_only_those_that_it_may(state: str, following: str) -> None:
    assert (following in TRANSITIONS[state]) is (following in FOLLOWING[state])


@pytest.mark.parametrize(
    ("action", "state", "side"), list(itertools.product(Action, S.values, Side)), ids=str
)
def test_each_action_in_each_state_by_each_side(action: Action, state: str, side: Side) -> None:
    allowed = ALLOWED.get((action.value, side.value))
    if allowed is None:
        with pytest.raises(Forbidden) as refused:
            require_allowed(action, state, side)
        assert refused.value.code == ("not_the_buyer" if side == Side.SELLER else "not_the_seller")
    elif state in allowed:
        require_allowed(action, state, side)
    else:
        with pytest.raises(Conflict) as late:
            require_allowed(action, state, side)
        assert late.value.code == f"order_{state}"
        assert late.value.details == {"state": state}


def test_each_state_has_a_status_of_the_sale() -> None:
    assert {state: status.value for state, status in SALE_STATUS.items()} == SALE
    assert set(SALE) == set(FOLLOWING) == set(S.values)
    assert set(RULES) == set(Action)


@pytest.mark.parametrize("state", S.values)
def test_only_unpaid_orders_expire(state: str) -> None:
    order = Order(state=state, expires_at=NOW)
    assert order.state_at(NOW - timedelta(microseconds=1)) == state
    assert order.state_at(NOW) == ("expired" if state == "pending_payment" else state)
