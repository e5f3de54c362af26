"""The whole table of an offer's life: each act, from each status, by each side."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from offers.models import Offer
from offers.states import TRANSITIONS, Act, Side, check
from soukloop.core.errors import Conflict, Forbidden

Status = Offer.Status
NOW = datetime(2025, 10, 18, 10, tzinfo=UTC)

# Written out once more by hand: the table under test may not be its own measure.
ALLOWED = {
    (Act.ACCEPT, Status.PENDING, Side.RECIPIENT): Status.ACCEPTED,
    (Act.ACCEPT, Status.PENDING, Side.SYSTEM): Status.ACCEPTED,
    (Act.DECLINE, Status.PENDING, Side.RECIPIENT): Status.DECLINED,
    (Act.DECLINE, Status.PENDING, Side.SYSTEM): Status.DECLINED,
    (Act.COUNTER, Status.PENDING, Side.RECIPIENT): Status.COUNTERED,
    (Act.WITHDRAW, Status.PENDING, Side.MAKER): Status.WITHDRAWN,
    (Act.EXPIRE, Status.PENDING, Side.SYSTEM): Status.EXPIRED,
    (Act.CANCEL, Status.ACCEPTED, Side.MAKER): Status.CANCELLED,
    (Act.CANCEL, Status.ACCEPTED, Side.RECIPIENT): Status.CANCELLED,
}
MAY = {
    Act.ACCEPT: {Side.RECIPIENT, Side.SYSTEM},
    Act.DECLINE: {Side.RECIPIENT, Side.SYSTEM},
    Act.COUNTER: {Side.RECIPIENT},
    Act.WITHDRAW: {Side.MAKER},
    Act.EXPIRE: {Side.SYSTEM},
    Act.CANCEL: {Side.MAKER, Side.RECIPIENT},
}


@pytest.mark.parametrize(("act", "status", "side"), itertools.product(Act, Status, Side))
def test_each_act_from_each_status_by_each_side(act: Act, status: Offer.Status, side: Side) -> None:
    if side not in MAY[act]:
        with pytest.raises(Forbidden) as refused:
            check(act, status, side)
        assert refused.value.code in ("not_your_offer", "not_yours_to_answer")
    elif (act, status, side) in ALLOWED:
        assert check(act, status, side) == ALLOWED[act, status, side]
    else:
        with pytest.raises(Conflict) as late:
            check(act, status, side)
        assert late.value.code == f"offer_{status.value}"


def test_every_act_is_in_the_table_and_no_end_but_a_sale_has_a_way_out() -> None:
    assert set(TRANSITIONS) == set(Act)
    assert {transition.source for transition in TRANSITIONS.values()} == {Status.PENDING, Status.ACCEPTED}


@pytest.mark.parametrize("status", Status)
def test_only_a_pending_offer_is_expired_by_the_clock(status: Offer.Status) -> None:
    offer = Offer(status=status, expires_at=NOW)
    assert offer.status_at(NOW - timedelta(microseconds=1)) == status
    assert offer.status_at(NOW) == (Status.EXPIRED if status == Status.PENDING else status)
