"""Moving a refund forward to what its provider tells; a success can still be followed by a failure."""

from uuid import UUID

from django.db import transaction

from payments import access, states
from payments.hooks import refund_changed
from payments.models import FinanceCase, Refund
from payments.providers.base import RefundState
from payments.services import ledger
from payments.services.advance.comparison import identity, is_ours
from payments.services.cases import open_case
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

State = Refund.State


def advance_refund(refund_id: UUID, told: RefundState) -> Refund:
    """Move a refund to the state that its provider tells, if that can follow ours; return the refund."""
    with transaction.atomic():
        refund = access.lock_refund(refund_id)
        if not _is_ours(refund, told):
            return refund
        if not refund.external_id:
            refund.external_id = told.external_id
            refund.save(update_fields=["external_id"])
        if states.can_follow(states.REFUND, refund.state, told.state):
            move_refund(refund, told.state, failure_code=told.failure_code)
        return refund


def fail_refund(refund_id: UUID, code: str) -> Refund:
    """Move a refund to FAILED because its provider refused our call."""
    with transaction.atomic():
        refund = access.lock_refund(refund_id)
        if refund.state in (State.REQUESTED, State.PENDING):
            move_refund(refund, State.FAILED, failure_code=code)
        return refund


def move_refund(refund: Refund, state: str, *, failure_code: str = "") -> None:
    """Write the next state of a locked refund, with the payment's sum, the ledger and `refund_changed`."""
    previous, payment = refund.state, refund.payment
    refund.state, refund.failure_code = state, failure_code[:60]
    if state in (State.SUCCEEDED, State.FAILED, State.REJECTED):
        refund.closed_at = database_now()
    refund.save()
    if state == State.SUCCEEDED:
        access.lock_balance(payment)
        payment.refunded += refund.amount
        payment.save(update_fields=["refunded"])
        ledger.post_refund(refund)
        if payment.is_separate:
            enqueue("payments.reverse_transfer", lock=f"payment:{payment.pk}", refund_id=str(refund.pk))
    elif state == State.FAILED:
        if previous == State.SUCCEEDED:
            access.lock_balance(payment)
            payment.refunded -= refund.amount
            payment.save(update_fields=["refunded"])
            ledger.post_refund_returned(refund)
        open_case(
            kind=FinanceCase.Kind.REFUND_FAILED,
            key=f"refund:{refund.pk}",
            ours={"amount": refund.amount, "state": previous},
            theirs={"state": state, "failure_code": refund.failure_code},
            person=payment.payer,
            payment=payment,
        )
    refund_changed(refund, previous)


def _is_ours(refund: Refund, told: RefundState) -> bool:
    payment = refund.payment
    ours, theirs = identity(refund.pk, refund.external_id, told.external_id, told.reference)
    ours |= {"amount": refund.amount, "currency": payment.currency}
    theirs |= {"amount": told.amount, "currency": told.currency}
    if told.payment:
        ours["payment"], theirs["payment"] = payment.external_id, told.payment
    return is_ours("refund", refund.pk, ours=ours, theirs=theirs, payment=payment)
