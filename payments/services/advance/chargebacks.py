"""Recording chargebacks, and moving them forward to what the provider tells."""

from typing import Any

from django.db import transaction

from payments import access, states
from payments.hooks import chargeback_changed
from payments.models import Chargeback, FinanceCase, Payment
from payments.providers.base import INQUIRY, ChargebackState
from payments.services import ledger
from payments.services.advance.comparison import is_ours
from payments.services.cases import open_case
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

State = Chargeback.State


def advance_chargeback(payment: Payment, told: ChargebackState) -> Chargeback | None:
    """Record a chargeback of a payment, or move it to the state that the provider tells.

    Returns None, with a case for finance, if nothing is recorded: it is more than what is left of the
    payment, or it is of another one, or the bank only asks, and no money has moved.
    """
    with transaction.atomic():
        payment = access.lock_payment(payment.pk)
        chargeback = (
            Chargeback.objects.select_for_update(no_key=True).filter(external_id=told.external_id).first()
        )
        if chargeback is None and told.state == INQUIRY:
            _report_inquiry(payment, told)  # no money has moved
            return None
        if chargeback is None:
            chargeback = _open(payment, told)
            if chargeback is None:
                return None
        elif not _is_ours(payment, chargeback, told):
            return None
        chargeback.payment = payment
        if told.respond_by != chargeback.respond_by:
            chargeback.respond_by = told.respond_by
            chargeback.save(update_fields=["respond_by"])
        if states.can_follow(states.CHARGEBACK, chargeback.state, told.state):
            _move(chargeback, told.state)
        return chargeback


def _open(payment: Payment, told: ChargebackState) -> Chargeback | None:
    """Record a new chargeback as open, unless the payer would get more back than was paid."""
    open_before = sum(
        payment.chargebacks.filter(state=State.OPEN).values_list("amount", flat=True)
    )  # of several chargebacks of parts
    left = payment.amount - payment.refunded - open_before
    ours = {
        "payment": payment.external_id,
        "currency": payment.currency,
        "left": left,
        "state": payment.state,
    }
    if (
        told.payment != payment.external_id
        or told.currency != payment.currency
        or not 0 < told.amount <= left
        or payment.state != Payment.State.CAPTURED
    ):
        open_case(
            kind=FinanceCase.Kind.AMOUNT_MISMATCH,
            key=f"chargeback:{told.external_id}",
            ours=ours,
            theirs={
                "payment": told.payment,
                "currency": told.currency,
                "amount": told.amount,
                "state": told.state,
            },
            person=payment.payee,
            payment=payment,
        )
        return None
    chargeback = Chargeback.objects.create(
        payment=payment,
        amount=told.amount,
        reason=told.reason[:60],
        external_id=told.external_id,
        respond_by=told.respond_by,
        created_at=database_now(),
    )
    ledger.post_chargeback(chargeback)
    open_case(
        kind=FinanceCase.Kind.CHARGEBACK,
        key=f"chargeback:{told.external_id}",
        ours={"amount": payment.amount, "refunded": payment.refunded},
        theirs={"amount": told.amount, "reason": told.reason},
        person=payment.payee,
        payment=payment,
    )
    chargeback_changed(chargeback, "")
    return chargeback


def _report_inquiry(payment: Payment, told: ChargebackState) -> None:
    open_case(
        kind=FinanceCase.Kind.CHARGEBACK,
        key=f"inquiry:{told.external_id}",
        ours={"amount": payment.amount, "refunded": payment.refunded},
        theirs={"amount": told.amount, "reason": told.reason, "state": told.state},
        person=payment.payee,
        payment=payment,
    )


def _is_ours(payment: Payment, chargeback: Chargeback, told: ChargebackState) -> bool:
    ours: dict[str, Any] = {"row": str(chargeback.payment_id), "payment": payment.external_id}
    theirs: dict[str, Any] = {"row": str(payment.pk), "payment": told.payment}
    ours |= {"amount": chargeback.amount, "currency": payment.currency}
    theirs |= {"amount": told.amount, "currency": told.currency}
    return is_ours("chargeback", chargeback.pk, ours=ours, theirs=theirs, payment=payment)


def _move(chargeback: Chargeback, state: str) -> None:
    """Write the decision of the bank, with the payment's sum, the ledger and `chargeback_changed`."""
    previous, payment = chargeback.state, chargeback.payment
    if state == State.LOST and payment.refunded + chargeback.amount > payment.amount:
        # A refund was on its way when the bank took the money: it went back twice, which finance decides.
        open_case(
            kind=FinanceCase.Kind.AMOUNT_MISMATCH,
            key=f"chargeback:{chargeback.external_id}",
            ours={"amount": payment.amount, "refunded": payment.refunded, "state": previous},
            theirs={"amount": chargeback.amount, "state": state},
            person=payment.payee,
            payment=payment,
        )
        return
    access.lock_balance(payment)
    chargeback.state, chargeback.closed_at = state, database_now()
    chargeback.save(update_fields=["state", "closed_at"])
    if state == State.LOST:
        payment.refunded += chargeback.amount
        payment.save(update_fields=["refunded"])
        ledger.post_chargeback_lost(chargeback)
        if payment.is_separate:
            enqueue(
                "payments.reverse_transfer",
                lock=f"payment:{payment.pk}",
                chargeback_id=str(chargeback.pk),
            )
    else:
        if previous == State.LOST:
            payment.refunded -= chargeback.amount
            payment.save(update_fields=["refunded"])
        ledger.post_chargeback_won(chargeback)
    chargeback_changed(chargeback, previous)
