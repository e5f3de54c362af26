"""The nightly comparison with the provider's movements."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from time_machine import travel

from payments.models import Chargeback, EntryLine, FinanceCase, Payment, ProviderMovement, Reconciliation
from payments.providers.base import Movement
from payments.services import ledger
from payments.services.ledger_check import check_ledger
from payments.services.reconciliation import enqueue_reconciliations, reconcile_day
from payments.tests.factories import make_account, make_chargeback, make_payment, make_payout, make_refund
from payments.tests.memory_provider import MemoryProvider
from soukloop.core.errors import Unavailable

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 8, tzinfo=UTC)  # in Dubai
NEXT_MORNING = datetime(2026, 11, 21, 1, 45, tzinfo=UTC)


@pytest.fixture
def sale(memory: MemoryProvider) -> Payment:
    """A sale by card at noon, which the provider has listed."""
    with travel(NOON, tick=False):
        payment = make_payment(provider="memory", account=None)
        payment.account = make_account(payment.payee, provider="memory")
        payment.save()
        ledger.post_charge(payment)
    listed(memory, "charge", 85_000, payment.external_id, account_of(payment), fee=2_565)
    return payment


def account_of(payment: Payment) -> str:
    assert payment.account is not None
    return payment.account.external_id


def listed(
    memory: MemoryProvider, kind: str, amount: int, source: str, account: str, **fields: Any
) -> Movement:
    values: dict[str, Any] = {
        "external_id": f"txn_{len(memory.memory.movements)}",
        "kind": kind,
        "amount": amount,
        "fee": 0,
        "currency": "AED",
        "source": source,
        "account": account,
        "created_at": NOON,
    }
    movement = Movement(**values | fields)
    memory.memory.movements.append(movement)
    return movement


def reconcile() -> Reconciliation:
    with travel(NEXT_MORNING, tick=False):
        return reconcile_day("memory", DAY)


def cases() -> list[FinanceCase]:
    return list(FinanceCase.objects.order_by("key"))


def test_nothing_differs_where_both_sides_moved_the_same(memory: MemoryProvider, sale: Payment) -> None:
    account = account_of(sale)
    assert sale.payee is not None
    with travel(NOON, tick=False):
        refund = make_refund(sale, 10_000)
        returned = make_refund(sale, 5_000, state="failed")
        chargeback = make_chargeback(sale, 20_000)
        won = make_chargeback(sale, 20_000, state=Chargeback.State.WON)
        payout = make_payout(sale.payee, 30_000, state="paid", external_id="po_1", account=sale.account)
        bounced = make_payout(sale.payee, 1_000, state="failed", external_id="po_2", account=sale.account)
        bill = make_payment(kind=Payment.Kind.FEE_BILL, amount=4_250, fee=0, account=None, provider="memory")
    for kind, amount, source in (
        ("refund", -10_000, refund.external_id),
        ("refund", -5_000, returned.external_id),
        ("refund_failed", 5_000, returned.external_id),
        ("chargeback", -20_000, chargeback.external_id),
        ("chargeback", -20_000, won.external_id),
        ("chargeback_won", 20_000, won.external_id),
        ("payout", -30_000, payout.external_id),
        ("payout", -1_000, bounced.external_id),
        ("payout_failed", 1_000, bounced.external_id),
    ):
        listed(memory, kind, amount, source, account)
    listed(memory, "charge", 4_250, bill.external_id, "")
    listed(memory, "transfer", 4_250, "fee_1", "")
    listed(memory, "fee", -2_565, "fee_2", "")
    run = reconcile()
    assert cases() == []
    assert (run.compared, run.differences) == (13, 0)
    assert run.finished_at is not None


def test_fees_of_the_provider_are_posted_once(memory: MemoryProvider, sale: Payment) -> None:
    listed(memory, "fee", -100, "", "")
    for _ in range(2):
        reconcile()
    assert ledger.balance(EntryLine.Account.PROVIDER_FEES) == 2_665
    assert ledger.balance(EntryLine.Account.PROVIDER_CLEARING) == 85_000 - 2_665
    assert check_ledger().differences == 0


def test_a_fil_of_difference_opens_one_case_with_both_sides(memory: MemoryProvider, sale: Payment) -> None:
    [movement] = memory.memory.movements
    memory.memory.movements[:] = []
    listed(memory, "charge", 85_001, movement.source, movement.account)
    for _ in range(2):
        assert reconcile().differences == 1
    [case] = cases()
    assert case.kind == FinanceCase.Kind.DIFFERENCE
    assert case.payment == sale
    assert case.ours["amount"] == 85_000
    assert case.theirs["amount"] == 85_001


def test_movement_that_we_do_not_know_opens_a_case(memory: MemoryProvider, sale: Payment) -> None:
    listed(memory, "refund", -10_000, "re_unknown", account_of(sale))
    assert reconcile().differences == 1
    [case] = cases()
    assert case.key == "memory:refund re_unknown"
    assert case.ours["amount"] is None


def test_movement_of_another_kind_opens_a_case(memory: MemoryProvider, sale: Payment) -> None:
    listed(memory, "other", -700, "adj_1", "", external_id="txn_adjusted")
    reconcile()
    assert [case.key for case in cases()] == ["memory:movement txn_adjusted"]


def test_payment_that_the_provider_does_not_list_opens_a_case(memory: MemoryProvider, sale: Payment) -> None:
    memory.memory.movements.clear()
    reconcile()
    [case] = cases()
    assert case.key == f"memory:payment {sale.external_id}"
    assert case.theirs["amount"] is None


def test_money_on_another_account_or_in_another_currency_opens_a_case(
    memory: MemoryProvider, sale: Payment
) -> None:
    memory.memory.movements.clear()
    listed(memory, "charge", 85_000, sale.external_id, "")
    assert reconcile().differences == 1
    memory.memory.movements.clear()
    ProviderMovement.objects.all().delete()
    listed(memory, "charge", 85_000, sale.external_id, account_of(sale), currency="USD")
    assert reconcile().differences == 1


def test_capture_of_a_payment_that_failed_here_opens_a_case(memory: MemoryProvider, sale: Payment) -> None:
    Payment.objects.update(state="failed", captured_at=None, closed_at=NOON)
    assert reconcile().differences == 1


def test_movement_shortly_after_midnight_belongs_to_a_payment_of_the_day(
    memory: MemoryProvider, sale: Payment
) -> None:
    memory.memory.movements.clear()
    listed(
        memory,
        *("charge", 85_000, sale.external_id, account_of(sale)),
        created_at=datetime(2026, 11, 20, 20, 5, tzinfo=UTC),  # 00:05 of the 21st
    )
    assert reconcile().differences == 0


def test_refund_that_is_not_settled_differs_in_neither_case(memory: MemoryProvider, sale: Payment) -> None:
    make_refund(sale, 10_000, state="pending", external_id="re_1")
    make_refund(sale, 10_000, state="pending", external_id="re_2")
    listed(memory, "refund", -10_000, "re_1", account_of(sale))
    assert reconcile().differences == 0


def test_killed_run_continues_with_the_account_at_which_it_ended(
    memory: MemoryProvider, sale: Payment
) -> None:
    for _ in range(3):
        make_account(provider="memory")
    calls = memory.memory.calls
    memory.during["movements"] = lambda: memory.fail("movements")  # of the first seller's account
    with pytest.raises(Unavailable):
        reconcile()
    assert calls["movements"] == 2
    assert reconcile().differences == 0
    assert calls["movements"] == 2 + 5  # ours and four sellers'
    assert ProviderMovement.objects.count() == 1


def test_only_days_without_a_finished_run_are_enqueued(
    memory: MemoryProvider, sale: Payment, settings: Any
) -> None:
    settings.RECONCILE_DAYS = 3
    with travel(NEXT_MORNING, tick=False):
        reconcile_day("memory", DAY)
        assert enqueue_reconciliations() == 2
        assert enqueue_reconciliations() == 0  # they are enqueued
    with travel(NEXT_MORNING + timedelta(days=1), tick=False):
        assert enqueue_reconciliations() == 1
