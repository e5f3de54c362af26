"""The full transition matrix of offers: each action from each status by each side."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from offers.models import Offer
from offers.states import TRANSITIONS, Action, Side, next_status
from soukloop.core.errors import Conflict, Forbidden

Status = Offer.Status
NOW = datetime(2025, 10, 18, 10, tzinfo=UTC)

# Written out, because a test must not read its expectations from the table that it tests.
ALLOWED = {
    (Action.ACCEPT, Status.PENDING, Side.RECIPIENT): Status.ACCEPTED,
    (Action.ACCEPT, Status.PENDING, Side.SYSTEM): Status.ACCEPTED,
    (Action.DECLINE, Status.PENDING, Side.RECIPIENT): Status.DECLINED,
    (Action.DECLINE, Status.PENDING, Side.SYSTEM): Status.DECLINED,
    (Action.COUNTER, Status.PENDING, Side.RECIPIENT): Status.COUNTERED,
    (Action.WITHDRAW, Status.PENDING, Side.MAKER): Status.WITHDRAWN,
    (Action.EXPIRE, Status.PENDING, Side.SYSTEM): Status.EXPIRED,
    (Action.CANCEL, Status.ACCEPTED, Side.MAKER): Status.CANCELLED,
    (Action.CANCEL, Status.ACCEPTED, Side.RECIPIENT): Status.CANCELLED,
    (Action.CANCEL, Status.ACCEPTED, Side.SYSTEM): Status.CANCELLED,
}
ALLOWED_SIDES = {
    Action.ACCEPT: {Side.RECIPIENT, Side.SYSTEM},
    Action.DECLINE: {Side.RECIPIENT, Side.SYSTEM},
    Action.COUNTER: {Side.RECIPIENT},
    Action.WITHDRAW: {Side.MAKER},
    Action.EXPIRE: {Side.SYSTEM},
    Action.CANCEL: {Side.MAKER, Side.RECIPIENT, Side.SYSTEM},
}


@pytest.mark.parametrize(("action", "status", "side"), list(itertools.product(Action, Status, Side)))
def test_each_action_from_each_status_by_each_side(action: Action, status: Offer.Status, side: Side) -> None:
    if side not in ALLOWED_SIDES[action]:
        with pytest.raises(Forbidden) as refused:
            next_status(action, status, side)
        assert refused.value.code in ("not_your_offer", "not_yours_to_answer")
    elif (action, status, side) in ALLOWED:
        assert next_status(action, status, side) == ALLOWED[action, status, side]
    else:
        with pytest.raises(Conflict) as late:
            next_status(action, status, side)
        assert late.value.code == f"offer_{status.value}"


def test_every_action_has_a_transition_from_pending_or_accepted() -> None:
    assert set(TRANSITIONS) == set(Action)
    assert {transition.source for transition in TRANSITIONS.values()} == {Status.PENDING, Status.ACCEPTED}


@pytest.mark.parametrize("status", Status)
def test_only_pending_offers_expire(status: Offer.Status) -> None:
    offer = Offer(status=status, expires_at=NOW)
    assert offer.status_at(NOW - timedelta(microseconds=1)) == status
    assert offer.status_at(NOW) == (Status.EXPIRED if status == Status.PENDING else status)
