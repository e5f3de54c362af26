"""Payments by card from the start to the payout, through a provider in memory."""

from collections.abc import Callable

from payments.models import EntryLine, Payout
from payments.services import ledger
from payments.services.payments import capture_payment
from payments.services.payouts import release
from payments.services.polling import refresh
from payments.tests.factories import start_card_payment
from payments.tests.memory_provider import MemoryProvider

Account = EntryLine.Account
Jobs = Callable[[], list[str]]


def test_a_payment_goes_from_the_card_to_the_sellers_bank(
    memory: MemoryProvider, run_jobs: Jobs, told: list[tuple[str, str, str]]
) -> None:
    payment = start_card_payment()
    assert run_jobs() == ["payments.create"]
    payment.refresh_from_db()
    memory.pay(payment.external_id)
    refresh("payment", payment.pk)
    capture_payment(payment_id=payment.pk)
    assert run_jobs() == ["payments.capture"]
    payment.refresh_from_db()
    assert (payment.state, payment.client_secret) == ("captured", "")
    assert ledger.balance(Account.SELLER_PENDING, payment.payee) == -80_750
    release(payment=payment)
    assert run_jobs() == ["payments.pay_out"]
    payout = Payout.objects.get()
    assert (payout.state, payout.amount) == ("on_its_way", 80_750)
    memory.settle_payout(payout.external_id, "paid")
    refresh("payout", payout.pk)
    assert ledger.balance(Account.SELLER_ON_ITS_WAY, payment.payee) == 0
    assert ledger.balance(Account.SELLER_AVAILABLE, payment.payee) == 0
    assert told == [
        ("payment", "created", "requires_action"),
        ("payment", "requires_action", "authorised"),
        ("payment", "authorised", "captured"),
        ("payout", "", "requested"),
        ("payout", "requested", "on_its_way"),
        ("payout", "on_its_way", "paid"),
    ]
