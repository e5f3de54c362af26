"""Payments in the sandbox: from the payer's choice of a card to the capture."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from payments.error_codes import PaymentsErrorCode
from payments.models import SandboxAccount, SandboxCardSetup, SandboxPayment
from payments.providers.base import PaymentRequest, ProviderRefused
from payments.providers.sandbox.cards import CARDS_TO_SAVE, CHALLENGE, CHARGED_BACK, PAYMENT_CARDS
from payments.providers.sandbox.records import (
    PLATFORM,
    create_once,
    missing,
    move,
    move_between,
    new_client_secret,
    new_id,
)
from payments.providers.sandbox.webhooks import announce
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, NotFound
from soukloop.core.jobs.queue import enqueue

State = SandboxPayment.State
# What a provider in the Emirates keeps of a payment by a card from there: 2.9 % and AED 1, at the platform's
# expense.
_FEE_PER_THOUSAND, _FEE_FIXED = 29, 100


@transaction.atomic
def create_payment(request: PaymentRequest) -> SandboxPayment:
    """Begin a payment, or charge a saved card at once. Raises ProviderRefused."""
    account = None
    if request.account and not request.is_separate:
        account = _account_to_charge(request.account)
    payment_id = new_id("pay")
    row = SandboxPayment(
        id=payment_id,
        key=request.key,
        client_secret=new_client_secret(payment_id),
        account=account,
        amount=request.amount,
        fee=request.fee if account else 0,
        currency=request.currency,
        description=request.description[:200],
        reference=request.reference,
        return_url=request.return_url[:500],
        created_at=database_now(),
    )
    payment, is_new = create_once(row, same=("amount", "fee", "currency", "reference", "account_id"))
    if is_new and request.card:
        _charge_saved_card(payment, request.customer, request.card)
    elif is_new:
        announce("payment.requires_action", "payment", payment.pk, payment.account_id or "")
    return payment


def fetch_payment(payment_id: str, account: str) -> SandboxPayment:
    """Return a payment of this account (of the platform, where empty). Raises ProviderRefused."""
    payment = SandboxPayment.objects.filter(pk=payment_id, account_id=account or None).first()
    if payment is None:
        raise missing(payment_id)
    return payment


def payment_of_page(client_secret: str) -> SandboxPayment:
    """Return the payment whose page this is; raises NotFound. One that waited too long is cancelled."""
    payment = SandboxPayment.objects.filter(client_secret=client_secret).first()
    if payment is None:
        raise NotFound
    return _expire(payment) if is_expired(payment) else payment


def is_expired(payment: SandboxPayment) -> bool:
    expires_after: timedelta = settings.SANDBOX_PAGE_EXPIRES_AFTER
    return payment.state == State.REQUIRES_ACTION and payment.created_at + expires_after <= database_now()


@transaction.atomic
def confirm_payment(client_secret: str, card: str) -> SandboxPayment:
    """Pay with a test card, or begin its challenge; the same choice once more changes nothing.

    Raises NotFound, and Conflict with the code `sandbox_page_closed`.
    """
    payment = _lock(payment_of_page(client_secret).pk)
    if payment.state != State.REQUIRES_ACTION:
        if payment.test_card == card:
            return payment
        raise payment_closed()
    chosen = PAYMENT_CARDS[card]
    payment.test_card = card
    if chosen is CHALLENGE:
        payment.save(update_fields=["test_card"])
        announce("payment.requires_action", "payment", payment.pk, payment.account_id or "")
        return payment
    return _decide(payment, chosen.failure_code)


@transaction.atomic
def answer_challenge(client_secret: str, *, is_passed: bool) -> SandboxPayment:
    """Let the payer's bank confirm or refuse; the same answer once more changes nothing.

    Raises NotFound, and Conflict with the codes `sandbox_page_closed` and `sandbox_no_challenge`.
    """
    payment = _lock(payment_of_page(client_secret).pk)
    is_challenged = payment.test_card == CHALLENGE.name
    if payment.state != State.REQUIRES_ACTION:
        was_passed = payment.state in (State.AUTHORISED, State.CAPTURED)
        if is_challenged and was_passed == is_passed and payment.state != State.CANCELLED:
            return payment
        raise payment_closed()
    if not is_challenged:
        raise Conflict(
            _("The bank asks nothing about this payment."), code=PaymentsErrorCode.SANDBOX_NO_CHALLENGE
        )
    return _decide(payment, "" if is_passed else "authentication_failed")


@transaction.atomic
def capture_payment(payment_id: str, account: str) -> SandboxPayment:
    """Charge a card that is blocked for the amount. Raises ProviderRefused."""
    payment = _lock(fetch_payment(payment_id, account).pk)
    if payment.state == State.AUTHORISED:
        _capture(payment)
    elif payment.state != State.CAPTURED:
        raise ProviderRefused("payment_intent_unexpected_state", f"The payment is {payment.state}.")
    return payment


@transaction.atomic
def cancel_payment(payment_id: str, account: str) -> SandboxPayment:
    """Give up a payment that is not captured. Raises ProviderRefused."""
    payment = _lock(fetch_payment(payment_id, account).pk)
    if payment.state in (State.REQUIRES_ACTION, State.AUTHORISED):
        _close(payment, State.CANCELLED)
    elif payment.state == State.CAPTURED:
        raise ProviderRefused("payment_intent_unexpected_state", "The payment is captured.")
    return payment


def payment_closed() -> Conflict:
    return Conflict(
        _("This payment is closed: it was paid, refused or cancelled before."),
        code=PaymentsErrorCode.SANDBOX_PAGE_CLOSED,
    )


def _account_to_charge(account_id: str) -> SandboxAccount:
    account = SandboxAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise missing(account_id)
    if not account.is_ready:
        raise ProviderRefused("account_not_ready", "The account may not be paid by card yet.")
    return account


def _lock(payment_id: str) -> SandboxPayment:
    return SandboxPayment.objects.select_for_update().get(pk=payment_id)


@transaction.atomic
def _expire(payment: SandboxPayment) -> SandboxPayment:
    payment = _lock(payment.pk)
    if is_expired(payment):
        _close(payment, State.CANCELLED, "expired")
    return payment


def _charge_saved_card(payment: SandboxPayment, customer: str, card: str) -> None:
    setup = SandboxCardSetup.objects.filter(card=card, customer=customer).exclude(card="").first()
    if setup is None:
        raise missing(card)
    payment.test_card = setup.test_card
    if failure_code := CARDS_TO_SAVE[setup.test_card].failure_code:
        _close(payment, State.FAILED, failure_code)
    else:
        _capture(payment)


def _decide(payment: SandboxPayment, failure_code: str) -> SandboxPayment:
    if failure_code:
        _close(payment, State.FAILED, failure_code)
    else:
        payment.state = State.AUTHORISED
        payment.save(update_fields=["state", "test_card"])
        announce("payment.authorised", "payment", payment.pk, payment.account_id or "")
    return payment


def _close(payment: SandboxPayment, state: str, failure_code: str = "") -> None:
    payment.state, payment.failure_code = state, failure_code
    payment.save(update_fields=["state", "failure_code", "test_card"])
    announce(f"payment.{state}", "payment", payment.pk, payment.account_id or "")


def _capture(payment: SandboxPayment) -> None:
    payment.state = State.CAPTURED
    payment.save(update_fields=["state", "test_card"])
    account = payment.account_id or PLATFORM
    move(account, "charge", payment.amount, payment.currency, payment.pk)
    if account != PLATFORM:
        move_between(account, PLATFORM, payment.fee, payment.currency, payment.pk)
    kept = min(payment.amount, (payment.amount * _FEE_PER_THOUSAND + 500) // 1000 + _FEE_FIXED)
    move(PLATFORM, "fee", -kept, payment.currency, payment.pk)
    announce("payment.captured", "payment", payment.pk, payment.account_id or "")
    if payment.test_card == CHARGED_BACK.name:
        enqueue(
            "payments.open_sandbox_chargeback",
            payment_id=payment.pk,
            schedule_at=database_now() + settings.SANDBOX_CHARGEBACK_AFTER,
        )
