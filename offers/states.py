"""The state machines of offers and sales: the status before and after each action, and who may take it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from offers.error_codes import OffersErrorCode
from offers.models import Offer, Transaction
from soukloop.core.errors import Conflict, Forbidden, Text

Status = Offer.Status


class Action(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    COUNTER = "counter"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    CANCEL = "cancel"


class Side(StrEnum):
    MAKER = "maker"
    RECIPIENT = "recipient"
    SYSTEM = "system"  # a seller's price rule, a job, the acceptance of another offer


@dataclass(frozen=True)
class Transition:
    source: Offer.Status
    target: Offer.Status
    sides: frozenset[Side]


TRANSITIONS: dict[Action, Transition] = {
    Action.ACCEPT: Transition(Status.PENDING, Status.ACCEPTED, frozenset({Side.RECIPIENT, Side.SYSTEM})),
    Action.DECLINE: Transition(Status.PENDING, Status.DECLINED, frozenset({Side.RECIPIENT, Side.SYSTEM})),
    Action.COUNTER: Transition(Status.PENDING, Status.COUNTERED, frozenset({Side.RECIPIENT})),
    Action.WITHDRAW: Transition(Status.PENDING, Status.WITHDRAWN, frozenset({Side.MAKER})),
    Action.EXPIRE: Transition(Status.PENDING, Status.EXPIRED, frozenset({Side.SYSTEM})),
    Action.CANCEL: Transition(
        Status.ACCEPTED, Status.CANCELLED, frozenset({Side.MAKER, Side.RECIPIENT, Side.SYSTEM})
    ),
}

_ONLY_THE_OTHER_SIDE: dict[Action, Text] = {
    Action.ACCEPT: _("Only the other side may accept this offer."),
    Action.DECLINE: _("Only the other side may decline this offer."),
    Action.COUNTER: _("Only the other side may counter this offer."),
}
_ONLY_ITS_MAKER: dict[Action, Text] = {
    Action.WITHDRAW: _("Only the user who made this offer may withdraw it."),
}
_NOT_BY_HAND = _("Nobody can do this to an offer.")

# Every code is written out, so that it can be searched for and a test can compare it with docs/errors.md.
_CONFLICTS: dict[Offer.Status, Callable[[], Conflict]] = {
    Status.PENDING: lambda: Conflict(
        _("This offer has not been accepted."), code=OffersErrorCode.OFFER_PENDING
    ),
    Status.ACCEPTED: lambda: Conflict(
        _("This offer was already accepted."), code=OffersErrorCode.OFFER_ACCEPTED
    ),
    Status.DECLINED: lambda: Conflict(_("This offer was declined."), code=OffersErrorCode.OFFER_DECLINED),
    Status.COUNTERED: lambda: Conflict(
        _("This offer was answered with a counter-offer."), code=OffersErrorCode.OFFER_COUNTERED
    ),
    Status.WITHDRAWN: lambda: Conflict(_("This offer was withdrawn."), code=OffersErrorCode.OFFER_WITHDRAWN),
    Status.EXPIRED: lambda: Conflict(_("This offer has expired."), code=OffersErrorCode.OFFER_EXPIRED),
    Status.CANCELLED: lambda: Conflict(
        _("The sale from this offer was cancelled."), code=OffersErrorCode.OFFER_CANCELLED
    ),
}


def side_of(offer: Offer, actor: User | None) -> Side:
    if actor is None:
        return Side.SYSTEM
    return Side.MAKER if actor.pk == offer.made_by_id else Side.RECIPIENT


def next_status(action: Action, status: Offer.Status, side: Side) -> Offer.Status:
    """Return the status that this action leads to.

    Raises Forbidden (`not_yours_to_answer`, `not_your_offer`) for the wrong side, and Conflict
    (`offer_accepted`, `offer_expired`, …) for the wrong status.
    """
    transition = TRANSITIONS[action]
    if side not in transition.sides:
        if side == Side.MAKER:
            raise Forbidden(
                _ONLY_THE_OTHER_SIDE.get(action, _NOT_BY_HAND), code=OffersErrorCode.NOT_YOURS_TO_ANSWER
            )
        raise Forbidden(_ONLY_ITS_MAKER.get(action, _NOT_BY_HAND), code=OffersErrorCode.NOT_YOUR_OFFER)
    if status != transition.source:
        raise _CONFLICTS[status]()
    return transition.target


def status_after(action: Action, offer: Offer, actor: User | None, now: datetime) -> Offer.Status:
    """Return the status of this offer after the action; raises as `next_status` does."""
    return next_status(action, offer.status_at(now), side_of(offer, actor))


def require_cancellable(sale: Transaction, now: datetime) -> None:
    """Raise Conflict unless the sale is pending."""
    match sale.status_at(now):
        case Transaction.Status.CANCELLED:
            raise Conflict(_("This sale was already cancelled."), code=OffersErrorCode.TRANSACTION_CANCELLED)
        case Transaction.Status.COMPLETED:
            raise Conflict(_("This sale is already completed."), code=OffersErrorCode.TRANSACTION_COMPLETED)
        case Transaction.Status.PAID:
            raise Conflict(_("This sale is already paid."), code=OffersErrorCode.TRANSACTION_PAID)
        case Transaction.Status.REFUNDED:
            raise Conflict(_("This sale was refunded."), code=OffersErrorCode.TRANSACTION_REFUNDED)
