"""The state machines of payments, refunds, chargebacks, payouts and transfers, as data.

They only move forward: a state that the provider tells of, and that cannot follow ours, is older news.
"""

from collections.abc import Mapping

from payments.models import Chargeback, Payment, Payout, Refund, Transfer

_P, _R, _C, _O, _T = Payment.State, Refund.State, Chargeback.State, Payout.State, Transfer.State

PAYMENT: Mapping[str, frozenset[str]] = {
    _P.CREATED: frozenset({_P.REQUIRES_ACTION, _P.AUTHORISED, _P.CAPTURED, _P.FAILED, _P.CANCELLED}),
    _P.REQUIRES_ACTION: frozenset({_P.AUTHORISED, _P.CAPTURED, _P.FAILED, _P.CANCELLED}),
    _P.AUTHORISED: frozenset({_P.CAPTURED, _P.FAILED, _P.CANCELLED}),
    _P.CAPTURED: frozenset(),
    _P.FAILED: frozenset(),
    _P.CANCELLED: frozenset(),
}
REFUND: Mapping[str, frozenset[str]] = {
    _R.WAITING: frozenset({_R.REQUESTED, _R.REJECTED}),
    _R.REQUESTED: frozenset({_R.PENDING, _R.SUCCEEDED, _R.FAILED}),
    _R.PENDING: frozenset({_R.SUCCEEDED, _R.FAILED}),
    _R.SUCCEEDED: frozenset({_R.FAILED}),  # the payer's bank returned it
    _R.FAILED: frozenset(),
    _R.REJECTED: frozenset(),
}
CHARGEBACK: Mapping[str, frozenset[str]] = {
    _C.OPEN: frozenset({_C.WON, _C.LOST}),
    _C.WON: frozenset({_C.LOST}),  # a bank may decide once more
    _C.LOST: frozenset({_C.WON}),
}
PAYOUT: Mapping[str, frozenset[str]] = {
    _O.REQUESTED: frozenset({_O.ON_ITS_WAY, _O.PAID, _O.FAILED}),
    _O.ON_ITS_WAY: frozenset({_O.PAID, _O.FAILED}),
    _O.PAID: frozenset({_O.FAILED}),  # the seller's bank returned it
    _O.FAILED: frozenset(),
}
TRANSFER: Mapping[str, frozenset[str]] = {
    _T.REQUESTED: frozenset({_T.SUCCEEDED, _T.FAILED}),
    _T.SUCCEEDED: frozenset({_T.REVERSED}),
    _T.FAILED: frozenset({_T.REQUESTED}),  # tried again
    _T.REVERSED: frozenset(),
}


def can_follow(machine: Mapping[str, frozenset[str]], current: str, following: str) -> bool:
    """Return whether a row in the state `current` may move to `following`."""
    return following in machine[current]
