"""The life of an offer and of a sale, as data: which act, by whom, from where, to where."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from accounts.models import User
from offers.models import Offer, Transaction
from soukloop.core.errors import Conflict, Forbidden

Status = Offer.Status


class Act(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    COUNTER = "counter"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    CANCEL = "cancel"


class Side(StrEnum):
    MAKER = "maker"
    RECIPIENT = "recipient"
    SYSTEM = "system"  # a seller's rule, the clock, another offer's acceptance


@dataclass(frozen=True)
class Transition:
    source: Offer.Status
    target: Offer.Status
    sides: frozenset[Side]


TRANSITIONS: dict[Act, Transition] = {
    Act.ACCEPT: Transition(Status.PENDING, Status.ACCEPTED, frozenset({Side.RECIPIENT, Side.SYSTEM})),
    Act.DECLINE: Transition(Status.PENDING, Status.DECLINED, frozenset({Side.RECIPIENT, Side.SYSTEM})),
    Act.COUNTER: Transition(Status.PENDING, Status.COUNTERED, frozenset({Side.RECIPIENT})),
    Act.WITHDRAW: Transition(Status.PENDING, Status.WITHDRAWN, frozenset({Side.MAKER})),
    Act.EXPIRE: Transition(Status.PENDING, Status.EXPIRED, frozenset({Side.SYSTEM})),
    Act.CANCEL: Transition(Status.ACCEPTED, Status.CANCELLED, frozenset({Side.MAKER, Side.RECIPIENT})),
}

# Each code in full, so that it is found by searching and held against docs/errors.md.
_REFUSALS: dict[Offer.Status, Callable[[], Conflict]] = {
    Status.PENDING: lambda: Conflict("This offer hasn't been accepted.", code="offer_pending"),
    Status.ACCEPTED: lambda: Conflict("This offer was already accepted.", code="offer_accepted"),
    Status.DECLINED: lambda: Conflict("This offer was declined.", code="offer_declined"),
    Status.COUNTERED: lambda: Conflict("This offer was answered by another one.", code="offer_countered"),
    Status.WITHDRAWN: lambda: Conflict("This offer was withdrawn.", code="offer_withdrawn"),
    Status.EXPIRED: lambda: Conflict("This offer has expired.", code="offer_expired"),
    Status.CANCELLED: lambda: Conflict("The sale from this offer was cancelled.", code="offer_cancelled"),
}


def side_of(offer: Offer, actor: User | None) -> Side:
    if actor is None:
        return Side.SYSTEM
    return Side.MAKER if actor.pk == offer.made_by_id else Side.RECIPIENT


def check(act: Act, status: Offer.Status, side: Side) -> Offer.Status:
    """Return the status this act leads to.

    Raises Forbidden (`not_your_offer_to_answer`, `not_your_offer`) for the wrong side, and Conflict
    (`offer_accepted`, `offer_expired`, …) for the wrong state.
    """
    transition = TRANSITIONS[act]
    if side not in transition.sides:
        if side == Side.MAKER:
            raise Forbidden(f"Only the other side may {act} this offer.", code="not_yours_to_answer")
        raise Forbidden(f"Only its maker may {act} this offer.", code="not_your_offer")
    if status != transition.source:
        raise _REFUSALS[status]()
    return transition.target


def target_of(act: Act, offer: Offer, actor: User | None, now: datetime) -> Offer.Status:
    """Return where this act takes this offer at this moment; raises as `check` does."""
    return check(act, offer.status_at(now), side_of(offer, actor))


def require_cancellable(sale: Transaction) -> None:
    """Raise Conflict unless the sale is pending."""
    if sale.status == Transaction.Status.CANCELLED:
        raise Conflict("This sale was cancelled already.", code="transaction_cancelled")
    if sale.status == Transaction.Status.COMPLETED:
        raise Conflict("This sale is completed.", code="transaction_completed")
