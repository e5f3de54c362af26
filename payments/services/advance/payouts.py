"""Moving a payout forward to what its provider tells; a bank can still return one that was paid."""

from uuid import UUID

from django.db import transaction

from payments import access, states
from payments.hooks import payout_changed
from payments.models import FinanceCase, Payout
from payments.providers.base import PayoutState
from payments.services import ledger
from payments.services.advance.comparison import identity, is_ours
from payments.services.cases import open_case
from soukloop.core.db.clock import database_now

State = Payout.State


def advance_payout(payout_id: UUID, told: PayoutState) -> Payout:
    """Move a payout to the state that its provider tells, if that can follow ours; return the payout."""
    with transaction.atomic():
        payout = access.lock_payout(payout_id)
        if not _is_ours(payout, told):
            return payout
        if payout.external_id != told.external_id or payout.arrives_on != told.arrives_on:
            payout.external_id = told.external_id
            payout.arrives_on = told.arrives_on or payout.arrives_on
            payout.save(update_fields=["external_id", "arrives_on"])
        if states.can_follow(states.PAYOUT, payout.state, told.state):
            _move(payout, told.state, failure_code=told.failure_code)
        return payout


def fail_payout(payout_id: UUID, code: str) -> Payout:
    """Move a payout to FAILED because its provider refused our call."""
    with transaction.atomic():
        payout = access.lock_payout(payout_id)
        if payout.state == State.REQUESTED:
            _move(payout, State.FAILED, failure_code=code)
        return payout


def _move(payout: Payout, state: str, *, failure_code: str) -> None:
    previous = payout.state
    payout.state, payout.failure_code = state, failure_code[:60]
    if state in (State.PAID, State.FAILED):
        payout.closed_at = database_now()
    payout.save()
    if state == State.PAID:
        ledger.post_payout_paid(payout)
    elif state == State.FAILED:
        ledger.post_payout_returned(payout)
        open_case(
            kind=FinanceCase.Kind.PAYOUT_FAILED,
            key=f"payout:{payout.pk}",
            ours={"amount": payout.amount, "state": previous},
            theirs={"state": state, "failure_code": payout.failure_code},
            person=payout.seller,
            payout=payout,
        )
    payout_changed(payout, previous)


def _is_ours(payout: Payout, told: PayoutState) -> bool:
    ours, theirs = identity(payout.pk, payout.external_id, told.external_id, told.reference)
    ours |= {"amount": payout.amount, "currency": payout.currency}
    ours["account"] = payout.account.external_id
    theirs |= {"amount": told.amount, "currency": told.currency, "account": told.account}
    return is_ours("payout", payout.pk, ours=ours, theirs=theirs, payout=payout)
