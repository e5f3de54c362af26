"""Transfers of sellers' shares, where payments are charged on our account (`STRIPE_CHARGES=separate`)."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments import access, fees
from payments.error_codes import PaymentsErrorCode
from payments.models import Chargeback, FinanceCase, Payment, Refund, Transfer
from payments.providers import provider, provider_call
from payments.providers.base import ProviderRefused
from payments.services.advance import advance_transfer, fail_transfer
from payments.services.cases import open_case
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict
from soukloop.core.jobs.queue import enqueue
from soukloop.core.staff.history import log_staff_action

State = Transfer.State


def start_transfer(payment: Payment) -> None:
    """Ask for the transfer of what is left of a seller's share, for a locked payment that is released."""
    share = fees.parts_of(payment.amount, payment.fee, payment.vat, returned=payment.refunded).share
    if share <= 0:
        return
    transfer, is_new = Transfer.objects.get_or_create(
        payment=payment, defaults={"amount": share, "created_at": database_now()}
    )
    if is_new:
        _enqueue(transfer)


def retry_transfer(*, actor: User, transfer_id: UUID, reason: str = "") -> Transfer:
    """Try a failed transfer again, with a new key.

    Raises Forbidden, NotFound, and Conflict (`transfer_not_failed`).
    """
    access.require_staff(actor, "payments.change_transfer")
    with transaction.atomic():
        transfer = access.lock_transfer(transfer_id)
        if transfer.state != State.FAILED:
            raise Conflict(_("This transfer did not fail."), code=PaymentsErrorCode.TRANSFER_NOT_FAILED)
        transfer.state, transfer.failure_code, transfer.closed_at = State.REQUESTED, "", None
        transfer.attempt += 1
        transfer.save()
        log_staff_action(actor=actor, row=transfer, message=f"Tried again: {reason}")
        _enqueue(transfer)
        return transfer


def transfer_at_provider(transfer_id: UUID) -> None:
    """Make a requested transfer at its provider; called by a job. Raises Unavailable."""
    transfer = Transfer.objects.select_related("payment__account").get(pk=transfer_id)
    payment = transfer.payment
    if transfer.state != State.REQUESTED or payment.account is None:
        return
    try:
        with provider_call():
            told = provider(payment.provider).create_transfer(
                payment.external_id,
                payment.account.external_id,
                transfer.amount,
                payment.currency,
                reference=str(transfer.pk),
                key=f"transfer:{transfer.pk}:{transfer.attempt}",
            )
    except ProviderRefused as refusal:
        fail_transfer(transfer.pk, refusal.code)
        return
    advance_transfer(transfer.pk, told)


def reverse_for_refund(refund_id: UUID) -> None:
    """Take back the seller's part of a succeeded refund from their account; called by a job."""
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.state == Refund.State.SUCCEEDED:
        _reverse(refund.payment, refund.amount - refund.fee, key=f"refund:{refund.pk}:reverse")


def reverse_for_chargeback(chargeback_id: UUID) -> None:
    """Take back the seller's part of a lost chargeback from their account; called by a job."""
    chargeback = Chargeback.objects.select_related("payment").get(pk=chargeback_id)
    payment = chargeback.payment
    if chargeback.state == Chargeback.State.LOST:
        fee = fees.part_of(payment.fee, chargeback.amount, payment.amount)
        _reverse(payment, chargeback.amount - fee, key=f"chargeback:{chargeback.pk}:reverse")


def _reverse(payment: Payment, amount: int, *, key: str) -> None:
    transfer = Transfer.objects.select_related("payment").filter(payment=payment).first()
    if transfer is None or transfer.state != State.SUCCEEDED or amount <= 0:
        return
    try:
        with provider_call():
            told = provider(payment.provider).reverse_transfer(
                transfer.external_id, min(amount, transfer.amount), key=key
            )
    except ProviderRefused as refusal:
        with transaction.atomic():
            _report(transfer, {"reverse": amount, "failure_code": refusal.code})
        return
    advance_transfer(transfer.pk, told)


def _report(transfer: Transfer, theirs: dict[str, object]) -> None:
    open_case(
        kind=FinanceCase.Kind.TRANSFER_FAILED,
        key=f"transfer:{transfer.pk}",
        ours={"amount": transfer.amount, "state": transfer.state},
        theirs=theirs,
        payment=transfer.payment,
    )


def _enqueue(transfer: Transfer) -> None:
    enqueue("payments.transfer", lock=f"payment:{transfer.payment_id}", transfer_id=str(transfer.pk))
