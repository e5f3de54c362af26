"""Asking again about what has waited too long: webhooks and jobs can be lost."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from payments.models import Chargeback, FinanceCase, Payment, Payout, Refund, SellerAccount, Transfer
from payments.providers import IN_PERSON
from payments.providers.base import ProviderRefused
from payments.services.advance.payments import charged_account
from payments.services.cases import open_case
from payments.services.questions import ask
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue, is_job_pending

_BATCH = 200  # of one kind in a run
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class Due(NamedTuple):
    """Rows of one kind that are asked about again after the same time."""

    rows: QuerySet[Any]
    every: timedelta


def poll_unsettled() -> int:
    """Enqueue a job for each row whose outcome is open or may still change; return how many.

    Run by two workers at once, each row gets one job.
    """
    now, enqueued = database_now(), 0
    for due in _due(now):
        rows = due.rows.annotate(last=Coalesce("asked_at", "created_at")).filter(last__lt=now - due.every)
        for row in rows.order_by("last")[:_BATCH]:
            with transaction.atomic():
                is_first = (
                    type(row)._default_manager.filter(pk=row.pk, asked_at=row.asked_at).update(asked_at=now)
                )
                if is_first and now - row.created_at > settings.PROVIDER_SILENCE_REPORTED_AFTER:
                    _report_silence(row)
                if is_first and not is_job_pending(lock=_lock_of(row)):
                    _enqueue_for(row)
                    enqueued += 1
    return enqueued + _poll_accounts(now)


def refresh(subject: str, row_id: UUID) -> None:
    """Ask the provider about one of our rows that it knows; called by a job. Raises Unavailable."""
    row = _MODELS[subject].objects.get(pk=row_id)
    name, account = _provider_and_account(row)
    try:
        ask(subject, name, row.external_id, account)
    except ProviderRefused as refusal:
        with transaction.atomic():
            open_case(
                kind=FinanceCase.Kind.DIFFERENCE,
                key=f"{subject}:{row_id}",
                ours={"id": row.external_id},
                theirs={"refused": refusal.code},
            )


def _due(now: datetime) -> Iterator[Due]:
    often, recent = settings.PROVIDER_ASKED_AGAIN_AFTER, now - settings.PROVIDER_RETURNS_ASKED_FOR
    payment, refund, payout = Payment.State, Refund.State, Payout.State
    payments = Payment.objects.select_related("account").exclude(provider=IN_PERSON)
    yield Due(
        payments.filter(state__in=(payment.CREATED, payment.REQUIRES_ACTION, payment.AUTHORISED)), often
    )
    refunds = Refund.objects.select_related("payment__account").exclude(payment__provider=IN_PERSON)
    yield Due(refunds.filter(state__in=(refund.REQUESTED, refund.PENDING)), often)
    yield Due(refunds.filter(state=refund.SUCCEEDED, closed_at__gt=recent), _DAY)
    payouts = Payout.objects.select_related("account")
    yield Due(payouts.filter(state=payout.REQUESTED), often)
    yield Due(payouts.filter(state=payout.ON_ITS_WAY), _HOUR)
    yield Due(payouts.filter(state=payout.PAID, closed_at__gt=recent), _DAY)
    yield Due(Transfer.objects.select_related("payment").filter(state=Transfer.State.REQUESTED), often)
    chargebacks = Chargeback.objects.select_related("payment__account")
    yield Due(chargebacks.filter(state=Chargeback.State.OPEN), _DAY)


def _poll_accounts(now: datetime) -> int:
    """Enqueue a question about each account that could not do everything when it was last asked about."""
    accounts = SellerAccount.objects.exclude(external_id="").filter(
        Q(charges_enabled=False) | Q(payouts_enabled=False), checked_at__lt=now - _DAY
    )
    enqueued = 0
    for account in accounts.order_by("checked_at")[:_BATCH]:
        with transaction.atomic():
            ours = SellerAccount.objects.filter(pk=account.pk, checked_at=account.checked_at)
            if ours.update(checked_at=now):
                _enqueue_refresh("account", account)
                enqueued += 1
    return enqueued


def _report_silence(row: Payment | Refund | Payout | Transfer | Chargeback) -> None:
    """Open a case for a call that the provider has not answered for long."""
    waiting = {"created", "requested"}
    if row.state not in waiting or isinstance(row, Chargeback):
        return
    kinds = {
        "payment": FinanceCase.Kind.DIFFERENCE,
        "refund": FinanceCase.Kind.REFUND_FAILED,
        "payout": FinanceCase.Kind.PAYOUT_FAILED,
        "transfer": FinanceCase.Kind.TRANSFER_FAILED,
    }
    name = type(row).__name__.lower()
    open_case(
        kind=kinds[name],
        key=f"{name}:{row.pk}",
        ours={"amount": row.amount, "state": row.state},
        theirs={"state": "no answer"},
        payment=row if isinstance(row, Payment) else getattr(row, "payment", None),
        payout=row if isinstance(row, Payout) else None,
    )


def _enqueue_for(row: Payment | Refund | Payout | Transfer | Chargeback) -> None:
    """Enqueue the call that has no answer yet, or else a question about the row's present state."""
    match row:
        case Payment():
            _enqueue_for_payment(row)
        case Refund() if row.state == Refund.State.REQUESTED and not row.external_id:
            enqueue("payments.refund", lock=_lock_of(row), refund_id=str(row.pk))
        case Refund():
            _enqueue_refresh("refund", row)
        case Payout() if row.state == Payout.State.REQUESTED:
            enqueue("payments.pay_out", lock=_lock_of(row), account_id=str(row.account_id))
        case Payout():
            _enqueue_refresh("payout", row)
        case Transfer():
            enqueue("payments.transfer", lock=_lock_of(row), transfer_id=str(row.pk))
        case Chargeback():
            _enqueue_refresh("chargeback", row)


def _enqueue_for_payment(payment: Payment) -> None:
    task = ""
    if payment.cancel_asked_at is not None:
        task = "payments.cancel"
    elif payment.state == Payment.State.CREATED:
        task = "payments.create"
    elif payment.state == Payment.State.AUTHORISED and payment.capture_asked_at is not None:
        task = "payments.capture"
    if task:
        enqueue(task, lock=_lock_of(payment), payment_id=str(payment.pk))
    else:
        _enqueue_refresh("payment", payment)


def _enqueue_refresh(subject: str, row: Any) -> None:
    enqueue("payments.refresh", lock=_lock_of(row), subject=subject, row_id=str(row.pk))


def _lock_of(row: Any) -> str:
    """Return the lock of the jobs about a row, as the services that call the provider name it."""
    match row:
        case Payment():
            return f"payment:{row.pk}"
        case Payout():
            return f"seller-account:{row.account_id}"
        case SellerAccount():
            return f"seller-account:{row.pk}"
    return f"payment:{row.payment_id}"


def _provider_and_account(row: Any) -> tuple[str, str]:
    """Return the provider of a row and the account there that the row's object is on; empty for ours."""
    match row:
        case Payment():
            return row.provider, charged_account(row)
        case Payout():
            return row.account.provider, row.account.external_id
        case SellerAccount():
            return row.provider, row.external_id
    return row.payment.provider, charged_account(row.payment)


_MODELS: dict[str, Any] = {
    "payment": Payment,
    "refund": Refund,
    "chargeback": Chargeback,
    "payout": Payout,
    "account": SellerAccount,
}
