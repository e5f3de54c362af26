"""Releasing a seller's share, and sending what is available to the seller's bank."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments import access
from payments.error_codes import PaymentsErrorCode
from payments.hooks import payout_changed
from payments.models import EntryLine, Payment, Payout, SellerAccount
from payments.providers import IN_PERSON, provider, provider_call
from payments.providers.base import ProviderRefused
from payments.services import ledger
from payments.services.advance import advance_payout, fail_payout
from payments.services.transfers import start_transfer
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict
from soukloop.core.jobs.queue import enqueue, is_job_pending
from soukloop.core.staff.history import log_staff_action

State = Payout.State


def release(*, payment: Payment) -> Payment:
    """Let the seller have their share, in the caller's transaction; a job sends it to their bank.

    Of a sale paid in person only the time is noted. Repeating it is harmless. Raises Conflict
    (`payment_not_captured`).
    """
    with transaction.atomic():
        payment = access.lock_payment(payment.pk)
        if payment.released_at is not None:
            return payment
        if payment.state != Payment.State.CAPTURED:
            raise Conflict(
                _("Only a payment that was made can be released."),
                code=PaymentsErrorCode.PAYMENT_NOT_CAPTURED,
            )
        payment.released_at = database_now()
        payment.save(update_fields=["released_at"])
        if payment.provider == IN_PERSON or payment.account is None:
            return payment
        access.lock_balance(payment)
        ledger.post_release(payment)
        if payment.is_separate:
            start_transfer(payment)
        else:
            enqueue_pay_out(payment.account.pk)
        return payment


def retry_payout(*, actor: User, payout_id: UUID, reason: str = "") -> Payout:
    """Send what is available again after a payout failed.

    Raises Forbidden, NotFound, and Conflict (`payout_not_failed`).
    """
    access.require_staff(actor, "payments.change_payout")
    with transaction.atomic():
        payout = access.lock_payout(payout_id)
        if payout.state != State.FAILED:
            raise Conflict(_("This payout did not fail."), code=PaymentsErrorCode.PAYOUT_NOT_FAILED)
        latest = payout.account.payouts.order_by("-created_at").first()
        if latest is not None and latest.pk != payout.pk:
            raise Conflict(
                _("Another payout was sent after this one."), code=PaymentsErrorCode.PAYOUT_NOT_FAILED
            )
        log_staff_action(actor=actor, row=payout, message=f"Tried again: {reason}")
        enqueue_pay_out(payout.account_id, after_failure_of=payout.pk)
        return payout


def pay_out(account_id: UUID, *, after_failure_of: UUID | None = None) -> None:
    """Send what is available to a seller's bank, at most what the provider can send; called by a job.

    A payout that was requested and not answered is asked for again first, with its own key. After a failed
    payout nothing is sent until staff or new bank details of the seller allow one more, by naming the failed
    one: so a repeated job sends nothing more. Raises Unavailable.
    """
    payout = _requested(account_id)
    if payout is None:
        account = SellerAccount.objects.get(pk=account_id)
        if not account.payouts_enabled or available_to(account) < settings.PAYOUT_MIN_FILS:
            return
        with provider_call():
            sendable = provider(account.provider).available_balance(account.external_id, settings.CURRENCY)
        payout = _request(account_id, sendable, after_failure_of)
    if payout is not None:
        _send(payout)


def pay_out_waiting() -> int:
    """Enqueue payouts to the sellers with enough available money; return how many.

    For those whose account could send nothing, or not all, when their money was released.
    """
    accounts = SellerAccount.objects.filter(payouts_enabled=True, seller__in=_with_available_money())
    enqueued = 0
    for account_id in accounts.values_list("pk", flat=True):
        with transaction.atomic():
            access.lock_account(account_id)  # two workers that run this at once enqueue one job
            if not is_job_pending(lock=_lock_of(account_id)):
                enqueue_pay_out(account_id)
                enqueued += 1
    return enqueued


def available_to(account: SellerAccount) -> int:
    """Return what the seller may have sent to the bank, in fils; negative if the seller owes it."""
    return -ledger.balance(EntryLine.Account.SELLER_AVAILABLE, account.seller_id)


def enqueue_pay_out(account_id: UUID, *, after_failure_of: UUID | None = None) -> None:
    """Enqueue a payout in the caller's transaction; those of one account run one after the other."""
    enqueue(
        "payments.pay_out",
        lock=_lock_of(account_id),
        account_id=str(account_id),
        after_failure_of=str(after_failure_of) if after_failure_of else None,
    )


def _lock_of(account_id: UUID) -> str:
    return f"seller-account:{account_id}"


def _with_available_money() -> QuerySet[EntryLine, UUID | None]:
    """Return the ids of the people to whom at least PAYOUT_MIN_FILS are available; credits are negative."""
    return (
        EntryLine.objects.filter(account=EntryLine.Account.SELLER_AVAILABLE)
        .values("person")
        .annotate(sum=Sum("amount"))
        .filter(sum__lte=-settings.PAYOUT_MIN_FILS)
        .values_list("person", flat=True)
    )


def _requested(account_id: UUID) -> Payout | None:
    return (
        Payout.objects.select_related("account").filter(account_id=account_id, state=State.REQUESTED).first()
    )


def _request(account_id: UUID, sendable: int, after_failure_of: UUID | None) -> Payout | None:
    """Create a payout of what is available and can be sent, unless there is one or too little."""
    with transaction.atomic():
        account = access.lock_account(account_id)
        latest = account.payouts.order_by("-created_at").first()
        if latest is not None and latest.state == State.REQUESTED:
            return latest
        is_held = latest is not None and latest.state == State.FAILED and latest.pk != after_failure_of
        amount = min(available_to(account), sendable)
        if is_held or amount < settings.PAYOUT_MIN_FILS:
            return None
        payout = Payout.objects.create(
            seller=account.seller, account=account, amount=amount, created_at=database_now()
        )
        ledger.post_payout(payout)
        payout_changed(payout, "")
        return payout


def _send(payout: Payout) -> None:
    account = payout.account
    try:
        with provider_call():
            told = provider(account.provider).create_payout(
                account.external_id,
                payout.amount,
                payout.currency,
                reference=str(payout.pk),
                key=f"payout:{payout.pk}",
            )
    except ProviderRefused as refusal:
        fail_payout(payout.pk, refusal.code)
        return
    advance_payout(payout.pk, told)
