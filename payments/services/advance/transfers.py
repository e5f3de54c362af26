"""Moving a transfer forward to what its provider tells."""

from uuid import UUID

from django.db import transaction

from payments import access, states
from payments.models import FinanceCase, Transfer
from payments.providers.base import TransferState
from payments.services.advance.comparison import identity, is_ours
from payments.services.cases import open_case
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

State = Transfer.State


def advance_transfer(transfer_id: UUID, told: TransferState) -> Transfer:
    """Move a transfer to the state that its provider tells, if that can follow ours; return the transfer."""
    with transaction.atomic():
        transfer = access.lock_transfer(transfer_id)
        if not _is_ours(transfer, told):
            return transfer
        if not transfer.external_id:
            transfer.external_id = told.external_id
            transfer.save(update_fields=["external_id"])
        if states.can_follow(states.TRANSFER, transfer.state, told.state):
            _move(transfer, told.state)
        return transfer


def fail_transfer(transfer_id: UUID, code: str) -> Transfer:
    """Move a transfer to FAILED because its provider refused our call."""
    with transaction.atomic():
        transfer = access.lock_transfer(transfer_id)
        if transfer.state == State.REQUESTED:
            _move(transfer, State.FAILED, failure_code=code)
        return transfer


def _move(transfer: Transfer, state: str, *, failure_code: str = "") -> None:
    payment = transfer.payment
    transfer.state, transfer.failure_code, transfer.closed_at = state, failure_code[:60], database_now()
    transfer.save()
    if state == State.SUCCEEDED:
        account_id = str(payment.account_id)
        enqueue("payments.pay_out", lock=f"seller-account:{account_id}", account_id=account_id)
    elif state == State.FAILED:
        open_case(
            kind=FinanceCase.Kind.TRANSFER_FAILED,
            key=f"transfer:{transfer.pk}",
            ours={"amount": transfer.amount},
            theirs={"state": state, "failure_code": transfer.failure_code},
            person=payment.payee,
            payment=payment,
        )


def _is_ours(transfer: Transfer, told: TransferState) -> bool:
    payment = transfer.payment
    assert payment.account is not None  # only a sale by card is transferred
    ours, theirs = identity(transfer.pk, transfer.external_id, told.external_id, told.reference)
    ours |= {"amount": transfer.amount, "currency": payment.currency, "account": payment.account.external_id}
    theirs |= {"amount": told.amount, "currency": told.currency, "account": told.account}
    return is_ours("transfer", transfer.pk, ours=ours, theirs=theirs, payment=payment)
