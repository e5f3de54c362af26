"""Bills for the fees of sales in person: made once, charged, tried again, overdue."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from time_machine import travel

from accounts.models import User
from accounts.tests.factories import make_seller
from notifications.models import Notification
from payments.models import Entry, EntryLine, FeeBill, FinanceCase, Payment, SavedCard
from payments.services import billing, ledger
from payments.services.ledger_check import check_ledger
from payments.services.payments import cancel_payment, capture_in_person, create_at_provider
from payments.tests.factories import make_payment, make_refund, start_in_person_payment
from payments.tests.memory_provider import MemoryProvider
from soukloop.core.errors import Conflict, NotFound

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
State = FeeBill.State


@pytest.fixture
def seller(db: None, memory: MemoryProvider) -> User:
    """A seller who owes 42.50 for a sale in person of October 20th."""
    seller = make_seller()
    with travel("2026-10-20", tick=False):
        owe(seller)
    return seller


def owe(seller: User, fee: int = 4_250) -> Payment:
    payment = make_payment(payee=seller, provider="in_person", amount=85_000, fee=fee)
    ledger.post_hand_over_fee(payment)
    return payment


def save_card(seller: User, external_id: str = "card_1") -> SavedCard:
    return SavedCard.objects.create(
        user=seller,
        provider=django_settings.CARD_PROVIDER,
        external_customer_id="cus_1",
        external_id=external_id,
        created_at=timezone.now(),
        saved_at=timezone.now(),
    )


def make_bill() -> FeeBill:
    with travel("2026-11-01 00:30", tick=False):
        billing.make_bills(OCTOBER)
    return FeeBill.objects.get(month=OCTOBER)


def charge(bill: FeeBill) -> None:
    """Run the job that charges, and the one that asks the provider."""
    billing.charge_bill(bill.pk)
    for payment in Payment.objects.filter(reference=bill.pk, state="created"):
        create_at_provider(payment.pk)
    bill.refresh_from_db()


def notified(seller: User) -> list[str]:
    return sorted(Notification.objects.filter(user=seller).values_list("kind", flat=True))


def test_bill_of_a_month_is_what_was_owed_at_its_end(seller: User) -> None:
    with travel("2026-10-31 20:30", tick=False):  # already November in Dubai
        owe(seller)
    bill = make_bill()
    assert (bill.seller, bill.amount, bill.state) == (seller, 4_250, State.OPEN)
    with travel("2026-12-01", tick=False):
        billing.make_bills(NOVEMBER)
    assert FeeBill.objects.get(month=NOVEMBER).amount == 4_250


def test_bill_is_made_once_a_month(seller: User) -> None:
    bill = make_bill()
    with travel("2026-11-01 01:00", tick=False):
        assert billing.make_bills(OCTOBER) == 0
    assert FeeBill.objects.get() == bill
    assert notified(seller) == ["fee_bill_made"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_bill_nobody_twice(seller: User) -> None:
    def make(_number: int) -> int:
        try:
            return billing.make_bills(OCTOBER)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(make, range(2))) == [0, 1]
    assert FeeBill.objects.count() == 1


def test_small_debt_waits_for_the_next_month(memory: MemoryProvider) -> None:
    with travel("2026-10-20", tick=False):
        owe(make_seller(), fee=199)
    assert billing.make_bills(OCTOBER) == 0


def test_bill_is_charged_to_the_saved_card_and_paid(seller: User) -> None:
    save_card(seller)
    bill = make_bill()
    charge(bill)
    assert (bill.state, bill.attempts) == (State.PAID, 1)
    assert bill.closed_at is not None
    assert billing.fee_debt(seller) == 0
    assert ledger.balance(EntryLine.Account.PROVIDER_CLEARING) == 4_250
    assert notified(seller) == ["fee_bill_made", "fee_bill_paid"]
    assert check_ledger().differences == 0


def test_repeated_charge_does_nothing(seller: User) -> None:
    save_card(seller)
    bill = make_bill()
    charge(bill)
    charge(bill)
    assert Payment.objects.filter(reference=bill.pk).count() == 1


def test_declined_bill_is_tried_again_and_then_overdue(seller: User, memory: MemoryProvider) -> None:
    memory.memory.declined_cards.add("card_1")
    save_card(seller)
    bill = make_bill()
    for attempt in range(1, django_settings.FEE_BILL_ATTEMPTS_MAX + 1):
        assert bill.next_attempt_at is not None
        with travel(bill.next_attempt_at - timedelta(seconds=1), tick=False):
            charge(bill)
        assert bill.attempts == attempt - 1
        with travel(bill.next_attempt_at, tick=False):
            charge(bill)
        assert bill.attempts == attempt
    assert bill.state == State.OVERDUE
    assert bill.next_attempt_at is None
    assert notified(seller) == [*["fee_bill_failed"] * 3, "fee_bill_made", "fee_bill_overdue"]
    case = FinanceCase.objects.get()
    assert (case.kind, case.person) == (FinanceCase.Kind.FEE_BILL_OVERDUE, seller)
    assert billing.has_debt_limit(seller)


def test_seller_without_a_card_is_asked_for_one_until_the_bill_is_due(seller: User) -> None:
    bill = make_bill()
    with travel(bill.created_at, tick=False):
        charge(bill)
    assert (bill.state, bill.attempts) == (State.OPEN, 0)
    assert notified(seller) == ["fee_bill_made", "fee_card_needed"]
    with travel(bill.due_at, tick=False):
        charge(bill)
    assert bill.state == State.OVERDUE


def test_overdue_bill_is_paid_by_its_seller_with_a_new_card(seller: User) -> None:
    bill = make_bill()
    with travel(bill.due_at, tick=False):
        charge(bill)
    with pytest.raises(Conflict) as refused:
        billing.pay_bill(actor=seller, bill_id=bill.pk)
    assert refused.value.code == "card_required"
    save_card(seller)
    billing.pay_bill(actor=seller, bill_id=bill.pk)
    create_at_provider(Payment.objects.get(reference=bill.pk).pk)
    bill.refresh_from_db()
    assert bill.state == State.PAID
    assert not billing.has_debt_limit(seller)
    with pytest.raises(Conflict) as refused:
        billing.pay_bill(actor=seller, bill_id=bill.pk)
    assert refused.value.code == "fee_bill_closed"


def test_bill_is_not_paid_twice_at_once(seller: User) -> None:
    save_card(seller)
    bill = make_bill()
    billing.charge_bill(bill.pk)
    with pytest.raises(Conflict) as refused:
        billing.pay_bill(actor=seller, bill_id=bill.pk)
    assert refused.value.code == "payment_pending"


def test_nobody_pays_another_sellers_bill(seller: User) -> None:
    bill = make_bill()
    other = make_seller()
    save_card(other)
    with pytest.raises(NotFound):
        billing.pay_bill(actor=other, bill_id=bill.pk)
    assert not Payment.objects.filter(reference=bill.pk).exists()


def test_fee_that_was_waived_after_the_bill_is_not_charged(seller: User) -> None:
    save_card(seller)
    bill = make_bill()
    sale = Payment.objects.get(payee=seller)
    ledger.post_refund(make_refund(sale, 42_500, external_id=""))
    charge(bill)
    assert (bill.state, bill.amount) == (State.PAID, 2_125)
    assert check_ledger().differences == 0


def test_bill_of_which_nothing_is_owed_any_more_is_waived(seller: User) -> None:
    save_card(seller)
    bill = make_bill()
    ledger.post_refund(make_refund(Payment.objects.get(payee=seller), 85_000, external_id=""))
    charge(bill)
    assert bill.state == State.WAIVED
    assert not Payment.objects.filter(reference=bill.pk).exists()


@pytest.mark.parametrize(("fee", "is_at_limit"), [(50_000, False), (50_001, True)])
def test_debt_above_the_limit_stops_new_sales_in_person(
    memory: MemoryProvider, fee: int, is_at_limit: bool
) -> None:
    seller = make_seller()
    owe(seller, fee=fee)
    assert billing.has_debt_limit(seller) is is_at_limit


def test_negative_balance_counts_for_the_limit(db: None) -> None:
    seller = make_seller()
    for owed, is_at_limit in ((50_000, False), (1, True)):
        ledger.post(
            kind=Entry.Kind.CORRECTION,
            key=f"correction:{owed}",
            lines=[
                (EntryLine.Account.SELLER_AVAILABLE, seller.pk, owed),
                (EntryLine.Account.PROVIDER_CLEARING, None, -owed),
            ],
            actor=seller,
            note="A refund after the payout",
        )
        assert billing.has_debt_limit(seller) is is_at_limit


def test_fees_of_sales_that_are_not_handed_over_count_for_the_limit(db: None) -> None:
    seller = make_seller()
    first = start_in_person_payment(amount="10000.00", fee="500.00", seller=seller)
    assert not billing.has_debt_limit(seller)
    second = start_in_person_payment(amount="1.00", fee="0.05", seller=seller)
    assert billing.has_debt_limit(seller)
    cancel_payment(payment=second)
    assert not billing.has_debt_limit(seller)
    capture_in_person(payment=first)
    assert not billing.has_debt_limit(seller)
    start_in_person_payment(amount="1.00", fee="0.05", seller=seller)
    assert billing.has_debt_limit(seller)
    assert not billing.has_debt_limit(make_seller())


def test_debtors_without_a_card_are_asked_before_the_bill(seller: User) -> None:
    with_card = make_seller()
    owe(with_card)
    save_card(with_card)
    assert billing.ask_for_cards() == 1
    assert notified(seller) == ["fee_card_needed"]
    assert notified(with_card) == []


def test_due_charges_are_enqueued_once(seller: User) -> None:
    bill = make_bill()
    with travel(bill.created_at - timedelta(seconds=1), tick=False):
        assert billing.enqueue_due_charges() == 0
    assert billing.enqueue_due_charges() == 0  # the bill's own first job waits
    ProcrastinateJob.objects.filter(task_name="payments.charge_fee_bill").delete()
    assert billing.enqueue_due_charges() == 1
    assert billing.enqueue_due_charges() == 0
