"""The steps of a payment, as tests of what comes after them take them: without jobs, call by call."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from payments.models import Payment, Payout, Refund, Transfer, WebhookEvent
from payments.services import payments, payouts, polling, refunds
from payments.tests.factories import start_card_payment
from payments.tests.memory_provider import MemoryProvider, memory_provider

LONG_AGO = timedelta(days=400)


def requires_action(memory: MemoryProvider, **fields: Any) -> Payment:
    """Return a payment whose payer is to enter a card."""
    payment = start_card_payment(**fields)
    payments.create_at_provider(payment.pk)
    payment.refresh_from_db()
    return payment


def authorised(memory: MemoryProvider, **fields: Any) -> Payment:
    """Return a payment whose amount is blocked on the payer's card, as we know."""
    payment = requires_action(memory, **fields)
    memory.pay(payment.external_id)
    polling.refresh("payment", payment.pk)
    payment.refresh_from_db()
    return payment


def captured(memory: MemoryProvider, **fields: Any) -> Payment:
    payment = authorised(memory, **fields)
    payments.capture_payment(payment_id=payment.pk)
    payments.capture_at_provider(payment.pk)
    payment.refresh_from_db()
    return payment


def released(memory: MemoryProvider, **fields: Any) -> Payment:
    payment = payouts.release(payment=captured(memory, **fields))
    payment.refresh_from_db()
    return payment


def paid_out(memory: MemoryProvider, **fields: Any) -> Payout:
    """Return a payout that has arrived at the seller's bank."""
    payment = released(memory, **fields)
    assert payment.account_id is not None
    payouts.pay_out(payment.account_id)
    payout = Payout.objects.get(account_id=payment.account_id)
    memory.settle_payout(payout.external_id, "paid")
    polling.refresh("payout", payout.pk)
    payout.refresh_from_db()
    return payout


def requested_refund(payment: Payment, amount: str = "850.00", **fields: Any) -> Refund:
    return refunds.request_refund(
        payment=payment,
        amount=Decimal(amount),
        reason=Refund.Reason.GOODWILL,
        **{"requested_by": None} | fields,
    )


def refunded(memory: MemoryProvider, payment: Payment, amount: str = "850.00") -> Refund:
    """Return a refund that succeeded."""
    refund = requested_refund(payment, amount)
    refunds.refund_at_provider(refund.pk)
    refund.refresh_from_db()
    memory.settle_refund(refund.external_id, "succeeded")
    polling.refresh("refund", refund.pk)
    refund.refresh_from_db()
    payment.refresh_from_db()
    return refund


def transferred(memory: MemoryProvider, settings: Any, **fields: Any) -> Transfer:
    """Return a requested transfer of a payment that was charged on our account."""
    settings.STRIPE_CHARGES = "separate"
    return Transfer.objects.get(payment=released(memory, **fields))


def webhook(subject: str, object_id: str, account: str = "") -> WebhookEvent:
    """Save a webhook that nobody has handled."""
    return WebhookEvent.objects.create(
        provider="memory",
        event_id=f"evt_{uuid.uuid4()}",
        kind=f"{subject}.changed",
        subject=subject,
        object_id=object_id,
        account=account,
        body={},
        received_at=timezone.now(),
    )


def current_memory() -> MemoryProvider:
    """Return the provider in memory, emptied."""
    memory = memory_provider()
    memory.reset()
    return memory
