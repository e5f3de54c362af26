"""Moving a payment forward to what its provider tells."""

import logging
from typing import Any
from uuid import UUID

from django.db import transaction

from payments import access, states
from payments.hooks import payment_changed
from payments.models import FinanceCase, Payment
from payments.providers import IN_PERSON
from payments.providers.base import PaymentState
from payments.serializers import CLIENT_SECRET
from payments.services import ledger
from payments.services.advance.comparison import identity, is_ours
from payments.services.cases import open_case
from payments.services.documents import enqueue_documents
from soukloop.core.db.clock import database_now
from soukloop.core.encryption import encrypt
from soukloop.core.jobs.queue import enqueue

logger = logging.getLogger(__name__)
State = Payment.State


def advance_payment(payment_id: UUID, told: PaymentState) -> Payment:
    """Move a payment to the state that its provider tells, if that can follow ours; return the payment."""
    with transaction.atomic():
        payment = access.lock_payment(payment_id)
        if _is_ours(payment, told):
            _advance(payment, told)
        return payment


def fail_payment(payment_id: UUID, code: str) -> Payment:
    """Move a payment to FAILED because its provider refused our call."""
    with transaction.atomic():
        payment = access.lock_payment(payment_id)
        if states.can_follow(states.PAYMENT, payment.state, State.FAILED):
            move_payment(payment, State.FAILED, failure_code=code)
        return payment


def move_payment(payment: Payment, state: str, *, failure_code: str = "") -> None:
    """Write the next state of a locked payment, post it to the ledger and call `payment_changed`."""
    now, previous = database_now(), payment.state
    payment.state, payment.failure_code = state, failure_code[:60]
    if state != State.REQUIRES_ACTION:
        payment.client_secret = ""
    if state in (State.AUTHORISED, State.CAPTURED):
        payment.authorised_at = payment.authorised_at or now
    if state == State.CAPTURED:
        payment.captured_at = now
    if state in (State.FAILED, State.CANCELLED):
        payment.closed_at = now
    payment.save()
    if state == State.CAPTURED:
        _post_captured(payment)
    payment_changed(payment, previous)


def charged_account(payment: Payment) -> str:
    """Return the provider's id of the account on which a payment is charged; empty for ours."""
    return "" if payment.account is None or payment.is_separate else payment.account.external_id


def _is_ours(payment: Payment, told: PaymentState) -> bool:
    ours: dict[str, Any]
    ours, theirs = identity(payment.pk, payment.external_id, told.external_id, told.reference)
    ours |= {"amount": payment.amount, "currency": payment.currency}
    ours["account"] = payment.account.external_id if payment.account else ""
    theirs |= {"amount": told.amount, "currency": told.currency, "account": told.account}
    if told.fee is not None:
        ours["fee"], theirs["fee"] = payment.fee, told.fee
    return is_ours("payment", payment.pk, ours=ours, theirs=theirs, payment=payment)


def _advance(payment: Payment, told: PaymentState) -> None:
    is_open = payment.state in (State.CREATED, State.REQUIRES_ACTION)
    if is_open and told.client_secret and not payment.client_secret:
        payment.client_secret = encrypt(told.client_secret, purpose=CLIENT_SECRET)
    if not payment.external_id or is_open:
        payment.external_id = told.external_id
        if told.state == payment.state:  # a card was declined, and the payer may try another
            payment.failure_code = told.failure_code[:60]
        payment.save(update_fields=["external_id", "client_secret", "failure_code"])
    if states.can_follow(states.PAYMENT, payment.state, told.state):
        move_payment(payment, told.state, failure_code=told.failure_code)
        _give_up_unwanted(payment)
    elif payment.state in (State.FAILED, State.CANCELLED) and told.state == State.CAPTURED:
        _report_late_capture(payment, told)
    elif payment.state in (State.FAILED, State.CANCELLED) and told.state == State.AUTHORISED:
        _ask_to_cancel(payment)


def _give_up_unwanted(payment: Payment) -> None:
    """Cancel at the provider what was given up before it was authorised, and what failed.

    A form that is still open on a phone could pay a failed payment, for which no order waits any more.
    """
    was_given_up = payment.cancel_asked_at is not None and payment.state in (
        State.REQUIRES_ACTION,
        State.AUTHORISED,
    )
    if was_given_up or payment.state == State.FAILED:
        _ask_to_cancel(payment)


def _ask_to_cancel(payment: Payment) -> None:
    enqueue("payments.cancel", lock=f"payment:{payment.pk}", payment_id=str(payment.pk))


def _post_captured(payment: Payment) -> None:
    if payment.kind == Payment.Kind.SALE:
        enqueue_documents(payment)
    if payment.provider == IN_PERSON:
        ledger.post_hand_over_fee(payment)
    elif payment.kind == Payment.Kind.FEE_BILL:
        ledger.post_fee_paid(payment)
    else:
        access.lock_balance(payment)
        ledger.post_charge(payment)


def _report_late_capture(payment: Payment, told: PaymentState) -> None:
    """Open a case for money that moved although our payment is closed; nothing of ours would do that."""
    open_case(
        kind=FinanceCase.Kind.DIFFERENCE,
        key=f"payment:{payment.pk}",
        ours={"state": payment.state, "amount": 0},
        theirs={"state": told.state, "amount": told.amount},
        payment=payment,
    )
