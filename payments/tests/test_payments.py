"""Payments from the start to the payout, through a provider in memory."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from payments.models import EntryLine, Payment, Payout, Refund
from payments.services import ledger
from payments.services.payments import cancel_payment, capture_payment
from payments.services.payouts import release
from payments.services.refunds import request_refund
from payments.tests.factories import start_card_payment
from payments.tests.memory_provider import MemoryProvider

Account = EntryLine.Account
Jobs = Callable[[], list[str]]


def authorised(memory: MemoryProvider, run_jobs: Jobs, **fields: Any) -> Payment:
    payment = start_card_payment(**fields)
    run_jobs()
    payment.refresh_from_db()
    memory.pay(payment.external_id)
    from payments.services.polling import refresh

    refresh("payment", payment.pk)
    payment.refresh_from_db()
    return payment


def test_whole_way(memory: MemoryProvider, run_jobs: Jobs, told: Any) -> None:
    payment = authorised(memory, run_jobs)
    assert payment.state == "authorised"
    capture_payment(payment_id=payment.pk)
    assert run_jobs() == ["payments.capture"]
    payment.refresh_from_db()
    assert payment.state == "captured"
    release(payment=payment)
    assert run_jobs() == ["payments.pay_out"]
    payout = Payout.objects.get()
    assert (payout.state, payout.amount) == ("on_its_way", 80_750)
    refund = request_refund(
        payment=payment, amount=Decimal("100.00"), reason=Refund.Reason.GOODWILL, requested_by=None
    )
    assert run_jobs() == ["payments.refund"]
    refund.refresh_from_db()
    assert refund.state == "pending"
    assert told == []
