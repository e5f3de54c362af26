"""Refunds, chargebacks, payouts and transfers in the sandbox, and balances."""

import contextlib
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from payments.models import SandboxAccount, SandboxMovement, SandboxOperation, SandboxPayment
from payments.providers.base import ProviderRefused
from payments.providers.sandbox import payments
from payments.providers.sandbox.records import (
    PLATFORM,
    create_once,
    missing,
    move,
    move_between,
    new_id,
)
from payments.providers.sandbox.webhooks import announce
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

Kind = SandboxOperation.Kind
_PREFIXES: dict[str, str] = {
    Kind.REFUND: "re",
    Kind.CHARGEBACK: "dp",
    Kind.PAYOUT: "po",
    Kind.TRANSFER: "tr",
    Kind.REVERSAL: "trr",
}
_SAME = ("amount", "currency", "payment_id", "account_id", "reference")


@transaction.atomic
def create_refund(
    payment_id: str, account: str, amount: int, *, fee: int, reference: str, key: str
) -> SandboxOperation:
    """Refund a part of a captured payment. Raises ProviderRefused, if more than is left is asked for."""
    payment = _lock_captured(payment_id, account)
    row = _operation(Kind.REFUND, payment, None, amount, "succeeded", reference, key)
    row.fee = fee
    used = SandboxOperation.objects.filter(key=key).exists()
    if not used and amount > _left(payment):
        raise ProviderRefused("charge_already_refunded", "That is more than is left of the payment.")
    refund, is_new = create_once(row, same=_SAME)
    if is_new:
        move(account, "refund", -amount, payment.currency, refund.pk)
        if account != PLATFORM:
            move_between(PLATFORM, account, fee, payment.currency, refund.pk)
        announce("refund.succeeded", "refund", refund.pk, account)
    return refund


@transaction.atomic
def fail_refund(refund_id: str) -> SandboxOperation:
    """Let the payer's bank return a refund."""
    refund = _lock(Kind.REFUND, refund_id)
    if refund.state != "failed":
        assert refund.payment is not None
        account = refund.payment.account_id or PLATFORM
        _change(refund, "failed", account, "expired_or_canceled_card")
        move(account, "refund_failed", refund.amount, refund.currency, refund.pk)
        if account != PLATFORM:
            _move_fee_again(refund, account)
    return refund


@transaction.atomic
def open_chargeback(payment_id: str) -> SandboxOperation:
    """Let the payer's bank take back what is left of a captured payment, once."""
    payment = SandboxPayment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise missing(payment_id)
    account = payment.account_id or PLATFORM
    payment = _lock_captured(payment_id, account)
    earlier = payment.operations.filter(kind=Kind.CHARGEBACK).first()
    if earlier is not None:
        return earlier
    amount = _left(payment)
    if not amount:
        raise ProviderRefused("charge_already_refunded", "Nothing is left of the payment.")
    row = _operation(Kind.CHARGEBACK, payment, None, amount, "open", "", f"chargeback:{payment.pk}")
    chargeback, _ = create_once(row, same=("amount",))
    move(account, "chargeback", -amount, payment.currency, chargeback.pk)
    announce("chargeback.opened", "chargeback", chargeback.pk, account)
    return chargeback


def charge_back_test_card(payment_id: str) -> None:
    """Open the chargeback of the test card that has one, unless the payment was refunded meanwhile."""
    with contextlib.suppress(ProviderRefused):
        open_chargeback(payment_id)


@transaction.atomic
def close_chargeback(chargeback_id: str, *, is_won: bool) -> SandboxOperation:
    """Let the bank decide for the seller (won) or for the payer (lost)."""
    chargeback = _lock(Kind.CHARGEBACK, chargeback_id)
    if chargeback.state == "open":
        assert chargeback.payment is not None
        account = chargeback.payment.account_id or PLATFORM
        _change(chargeback, "won" if is_won else "lost", account)
        if is_won:
            move(account, "chargeback_won", chargeback.amount, chargeback.currency, chargeback.pk)
    return chargeback


def available_balance(account: str, currency: str) -> int:
    """Return the sum of all movements: in the sandbox, everything is available at once."""
    movements = SandboxMovement.objects.filter(account=account, currency=currency)
    return int(movements.aggregate(sum=Sum("amount"))["sum"] or 0)


@transaction.atomic
def create_payout(
    account_id: str, amount: int, currency: str, *, reference: str, key: str
) -> SandboxOperation:
    """Send a part of an account's balance to its bank. Raises ProviderRefused, if the balance is less."""
    account = SandboxAccount.objects.select_for_update().filter(pk=account_id).first()
    if account is None:
        raise missing(account_id)
    used = SandboxOperation.objects.filter(key=key).exists()
    if not used and not account.is_ready:
        raise ProviderRefused("payouts_not_allowed", "The account may not receive payouts yet.")
    if not used and amount > available_balance(account_id, currency):
        raise ProviderRefused("balance_insufficient", "The balance is less than the payout.")
    row = _operation(Kind.PAYOUT, None, account, amount, "on_its_way", reference, key, currency)
    payout, is_new = create_once(row, same=_SAME)
    if is_new:
        move(account_id, "payout", -amount, currency, payout.pk)
        announce("payout.on_its_way", "payout", payout.pk, account_id)
        arrives_at = database_now() + settings.SANDBOX_PAYOUT_TAKES
        enqueue("payments.finish_sandbox_payout", payout_id=payout.pk, schedule_at=arrives_at)
    return payout


@transaction.atomic
def finish_payout(payout_id: str) -> SandboxOperation:
    """Let a payout arrive, unless the bank returned it meanwhile."""
    payout = _lock(Kind.PAYOUT, payout_id)
    if payout.state == "on_its_way":
        _change(payout, "paid", payout.account_id or "")
    return payout


@transaction.atomic
def return_payout(payout_id: str) -> SandboxOperation:
    """Let the seller's bank return a payout, also one that has arrived."""
    payout = _lock(Kind.PAYOUT, payout_id)
    if payout.state != "failed":
        account = payout.account_id or ""
        _change(payout, "failed", account, "account_closed")
        move(account, "payout_failed", payout.amount, payout.currency, payout.pk)
    return payout


@transaction.atomic
def create_transfer(
    payment_id: str, account_id: str, amount: int, currency: str, *, reference: str, key: str
) -> SandboxOperation:
    """Send a part of a payment that the platform charged to a seller's account. Raises ProviderRefused."""
    payment = _lock_captured(payment_id, PLATFORM)
    account = SandboxAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise missing(account_id)
    used = SandboxOperation.objects.filter(key=key).exists()
    if not used and amount > payment.amount:
        raise ProviderRefused("transfer_source_insufficient", "That is more than the payment.")
    row = _operation(Kind.TRANSFER, payment, account, amount, "succeeded", reference, key, currency)
    transfer, is_new = create_once(row, same=_SAME)
    if is_new:
        move_between(PLATFORM, account_id, amount, currency, transfer.pk)
        announce("transfer.succeeded", "transfer", transfer.pk, account_id)
    return transfer


@transaction.atomic
def reverse_transfer(transfer_id: str, amount: int, *, key: str) -> SandboxOperation:
    """Take a transfer or a part of it back. Raises ProviderRefused, if the account has less."""
    transfer = _lock(Kind.TRANSFER, transfer_id)
    account = transfer.account_id or ""
    used = SandboxOperation.objects.filter(key=key).exists()
    if not used and amount > available_balance(account, transfer.currency):
        raise ProviderRefused("balance_insufficient", "The account has less than that.")
    reversals = SandboxOperation.objects.filter(kind=Kind.REVERSAL, reference=transfer.pk)
    reversed_before = int(reversals.aggregate(sum=Sum("amount"))["sum"] or 0)
    if not used and amount > transfer.amount - reversed_before:
        raise ProviderRefused("reversal_too_large", "That is more than is left of the transfer.")
    assert transfer.payment is not None
    row = _operation(Kind.REVERSAL, transfer.payment, transfer.account, amount, "succeeded", transfer.pk, key)
    reversal, is_new = create_once(row, same=_SAME)
    if is_new:
        move_between(account, PLATFORM, amount, transfer.currency, reversal.pk)
        if reversed_before + amount == transfer.amount:
            _change(transfer, "reversed", account)
    return transfer


def fetch_operation(kind: str, operation_id: str, account: str) -> SandboxOperation:
    """Return a refund, chargeback, payout or transfer of this account. Raises ProviderRefused."""
    operation = SandboxOperation.objects.select_related("payment").filter(kind=kind, pk=operation_id).first()
    if operation is None or account_of(operation) != account:
        raise missing(operation_id)
    return operation


def fetch_transfer(transfer_id: str) -> SandboxOperation:
    """Return a transfer. Raises ProviderRefused."""
    transfer = SandboxOperation.objects.filter(kind=Kind.TRANSFER, pk=transfer_id).first()
    if transfer is None:
        raise missing(transfer_id)
    return transfer


def account_of(operation: SandboxOperation) -> str:
    """Return the account on which an operation is, or "" for the platform's."""
    on_payment = operation.payment.account_id if operation.payment else None
    return operation.account_id or on_payment or PLATFORM


def movements(account: str, since: datetime, until: datetime) -> Iterator[SandboxMovement]:
    return (
        SandboxMovement.objects.filter(account=account, created_at__gte=since, created_at__lt=until)
        .order_by("created_at", "id")
        .iterator()
    )


def _operation(
    kind: str,
    payment: SandboxPayment | None,
    account: SandboxAccount | None,
    amount: int,
    state: str,
    reference: str,
    key: str,
    currency: str = "",
) -> SandboxOperation:
    if amount <= 0:
        raise ProviderRefused("parameter_invalid_integer", "An amount is more than zero.")
    return SandboxOperation(
        id=new_id(_PREFIXES[kind]),
        key=key,
        kind=kind,
        payment=payment,
        account=account,
        amount=amount,
        currency=currency or (payment.currency if payment else ""),
        reference=reference,
        state=state,
        created_at=database_now(),
    )


def _lock(kind: str, operation_id: str) -> SandboxOperation:
    operation = SandboxOperation.objects.select_for_update().filter(kind=kind, pk=operation_id).first()
    if operation is None:
        raise missing(operation_id)
    return operation


def _lock_captured(payment_id: str, account: str) -> SandboxPayment:
    payments.fetch_payment(payment_id, account)
    payment = SandboxPayment.objects.select_for_update().get(pk=payment_id)
    if payment.state != SandboxPayment.State.CAPTURED:
        raise ProviderRefused("payment_not_captured", f"The payment is {payment.state}.")
    return payment


def _left(payment: SandboxPayment) -> int:
    """Return what neither refunds nor a chargeback have taken of a locked payment."""
    taken = payment.operations.filter(kind__in=[Kind.REFUND, Kind.CHARGEBACK])
    taken = taken.exclude(state__in=["failed", "won"])
    return payment.amount - int(taken.aggregate(sum=Sum("amount"))["sum"] or 0)


def _change(operation: SandboxOperation, state: str, account: str, failure_code: str = "") -> None:
    operation.state, operation.failure_code = state, failure_code
    operation.save(update_fields=["state", "failure_code"])
    announce(f"{operation.kind}.{state}", operation.kind, operation.pk, account)


def _move_fee_again(refund: SandboxOperation, account: str) -> None:
    """Give the platform its share again, of which a failed refund had taken a part."""
    move(account, "other", -refund.fee, refund.currency, refund.pk)
    move(PLATFORM, "other", refund.fee, refund.currency, refund.pk)
