"""Entries of the ledger: what each business event posts, and what PostgreSQL refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from payments import fees
from payments.models import Entry, EntryLine, Payment
from payments.providers.base import Movement
from payments.services import ledger
from payments.tests.factories import make_chargeback, make_payment, make_payout, make_refund

Account = EntryLine.Account
CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"


def lines_of(entry: Entry | None) -> list[tuple[str, int]]:
    assert entry is not None
    return [(line.account, line.amount) for line in entry.lines.order_by("pk")]


def test_charge_moves_the_price_to_seller_fees_and_vat(db: None) -> None:
    payment = make_payment()
    entry = ledger.post_charge(payment)
    assert lines_of(entry) == [
        ("buyers_charges", -85_000),
        ("provider_clearing", 85_000),
        ("buyers_charges", 85_000),
        ("seller_pending", -80_750),
        ("fees", -4_048),
        ("vat", -202),
    ]
    assert ledger.balance(Account.SELLER_PENDING, payment.payee) == -80_750
    assert ledger.balance(Account.BUYERS_CHARGES) == 0


def test_same_event_is_posted_once(db: None) -> None:
    payment = make_payment()
    assert ledger.post_charge(payment)
    assert ledger.post_charge(payment) is None
    assert Entry.objects.count() == 1
    assert EntryLine.objects.count() == 6


def test_zero_lines_are_left_out(db: None) -> None:
    assert len(lines_of(ledger.post_charge(make_payment(amount=1, fee=0)))) == 4


def test_entry_without_any_amount_is_not_written(db: None) -> None:
    assert ledger.post_hand_over_fee(make_payment(amount=1, fee=0, provider="in_person")) is None
    assert not Entry.objects.exists()


def test_unbalanced_entry_is_refused_before_it_is_written(db: None) -> None:
    with pytest.raises(ValueError, match="add up to 5 fils"):
        ledger.post(
            kind=Entry.Kind.CORRECTION,
            key="correction:1",
            lines=[(Account.FEES, None, 10), (Account.ROUNDING, None, -5)],
        )


def test_hand_over_makes_the_fee_a_debt_that_a_bill_pays(db: None) -> None:
    sale = make_payment(provider="in_person")
    assert lines_of(ledger.post_hand_over_fee(sale)) == [("fee_debt", 4_250), ("fees", -4_048), ("vat", -202)]
    bill = make_payment(kind=Payment.Kind.FEE_BILL, amount=4_250, fee=0, payer=sale.payee, account=None)
    assert lines_of(ledger.post_fee_paid(bill)) == [("provider_clearing", 4_250), ("fee_debt", -4_250)]
    assert ledger.balance(Account.FEE_DEBT, sale.payee) == 0


def test_partial_refund_before_release_comes_out_of_the_pending_share(db: None) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    assert lines_of(ledger.post_refund(make_refund(payment, 10_000))) == [
        ("refunds", 10_000),
        ("provider_clearing", -10_000),
        ("seller_pending", 9_500),
        ("fees", 476),
        ("vat", 24),
        ("refunds", -10_000),
    ]


def test_release_makes_what_is_left_of_the_share_available(db: None) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    ledger.post_refund(make_refund(payment, 10_000))
    release(payment)
    assert ledger.balance(Account.SELLER_PENDING, payment.payee) == 0
    assert ledger.balance(Account.SELLER_AVAILABLE, payment.payee) == -71_250


def test_refund_after_payout_leaves_the_seller_owing(db: None) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    release(payment)
    payout = make_payout(payment.payee, 80_750)  # type: ignore[arg-type]
    ledger.post_payout(payout)
    ledger.post_payout_paid(payout)
    ledger.post_refund(make_refund(payment, 85_000))
    assert ledger.balance(Account.SELLER_AVAILABLE, payment.payee) == 80_750
    assert ledger.balance(Account.PROVIDER_CLEARING) == -80_750
    assert ledger.balance(Account.FEES) == ledger.balance(Account.VAT) == 0


def test_returned_refund_gives_everybody_back_what_they_gave(db: None) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    before = balances()
    refund = make_refund(payment, 33_333)
    ledger.post_refund(refund)
    payment.refunded = 0
    payment.save()
    ledger.post_refund_returned(refund)
    assert balances() == before


def test_refund_of_a_sale_in_person_waives_the_fee_in_proportion(db: None) -> None:
    payment = make_payment(provider="in_person")
    ledger.post_hand_over_fee(payment)
    entry = ledger.post_refund(make_refund(payment, 42_500, external_id=""))
    assert entry is not None
    assert entry.kind == Entry.Kind.FEE_WAIVED
    assert lines_of(entry) == [("fee_debt", -2_125), ("fees", 2_024), ("vat", 101)]


def test_refund_of_a_bill_makes_it_a_debt_again(db: None) -> None:
    bill = make_payment(kind=Payment.Kind.FEE_BILL, amount=4_250, fee=0, account=None)
    ledger.post_fee_paid(bill)
    ledger.post_refund(make_refund(bill, 4_250))
    assert ledger.balance(Account.FEE_DEBT, bill.payer) == 0
    assert ledger.balance(Account.PROVIDER_CLEARING) == 0


def test_chargeback_is_lost_won_and_lost_again_without_a_rest(db: None) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    charged = balances()
    chargeback = make_chargeback(payment, 85_000)
    ledger.post_chargeback(chargeback)
    assert ledger.balance(Account.DISPUTES) == 85_000
    payment.refunded = 85_000
    assert ledger.post_chargeback_lost(chargeback)
    assert ledger.post_chargeback_lost(chargeback) is None
    assert balances() == {}
    payment.refunded = 0
    assert ledger.post_chargeback_won(chargeback)
    assert balances() == charged
    payment.refunded = 85_000
    assert ledger.post_chargeback_lost(chargeback)
    assert balances() == {}


def test_chargeback_that_is_won_leaves_everything_as_it_was(db: None) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    charged = balances()
    chargeback = make_chargeback(payment, 85_000)
    ledger.post_chargeback_won(chargeback)
    assert balances() == charged


@pytest.mark.parametrize("is_paid_first", [False, True])
def test_returned_payout_is_available_again(db: None, is_paid_first: bool) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    release(payment)
    before = balances()
    payout = make_payout(payment.payee, 80_750)  # type: ignore[arg-type]
    ledger.post_payout(payout)
    if is_paid_first:
        ledger.post_payout_paid(payout)
    ledger.post_payout_returned(payout)
    assert balances() == before


def test_provider_keeps_its_fee_once(db: None) -> None:
    movement = Movement("txn_1", "charge", 85_000, 2_565, "AED", "pay_1", "acct_1", datetime.now(UTC))
    assert lines_of(ledger.post_provider_fee(None, movement)) == [
        ("provider_fees", 2_565),
        ("provider_clearing", -2_565),
    ]
    assert ledger.post_provider_fee(None, movement) is None


@pytest.mark.parametrize("table", ["payments_entry", "payments_entryline"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_postgresql_refuses_to_change_or_delete_entries(db: None, table: str, statement: str) -> None:
    ledger.post_charge(make_payment())
    with connection.cursor() as cursor:
        cursor.execute(CHECK_NOW)
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            cursor.execute(statement.format(table))
    assert EntryLine.objects.count() == 6


def test_postgresql_refuses_an_entry_without_lines(db: None) -> None:
    make_entry()
    with pytest.raises(IntegrityError, match="has no lines"):
        check_now()


def test_postgresql_refuses_an_entry_that_does_not_balance(db: None) -> None:
    EntryLine.objects.create(entry=make_entry(), account=Account.FEES, amount=7)
    with pytest.raises(IntegrityError, match="add up to 7 fils"):
        check_now()


@pytest.mark.django_db(transaction=True)
def test_postgresql_refuses_balanced_lines_for_an_entry_of_another_transaction() -> None:
    entry = ledger.post_charge(make_payment())
    with pytest.raises(IntegrityError, match="is complete"):
        add_lines(entry)
    assert EntryLine.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_lines_may_follow_in_a_savepoint_of_the_same_transaction() -> None:
    with transaction.atomic():
        with transaction.atomic():
            entry = make_entry()
        add_lines(entry)
    assert EntryLine.objects.count() == 2


class SequencesOfRefunds(TestCase):
    """Refunds and their returns in any order leave exactly what is due by the payment's row."""

    @settings(max_examples=30)
    @given(
        amount=st.integers(1, 500_000),
        rate=st.sampled_from([5, 15]),
        shares=st.lists(st.tuples(st.floats(0.001, 1), st.booleans()), max_size=6),
        released_after=st.integers(0, 6),
    )
    def test_ledger_holds_what_the_row_demands(
        self, amount: int, rate: int, shares: list[tuple[float, bool]], released_after: int
    ) -> None:
        payment = make_payment(amount=amount, fee=fees.part_of(amount, rate, 100))
        ledger.post_charge(payment)
        for number, (share, is_returned) in enumerate(shares):
            if number == released_after:
                release(payment)
            part = min(payment.amount - payment.refunded, max(1, int(payment.amount * share)))
            if not part:
                continue
            refund = make_refund(payment, part)
            ledger.post_refund(refund)
            if is_returned:
                payment.refunded -= part
                payment.save()
                ledger.post_refund_returned(refund)
        due = fees.parts_of(payment.amount, payment.fee, payment.vat, returned=payment.refunded)
        assert -ledger.balance(Account.FEES) == due.net
        assert -ledger.balance(Account.VAT) == due.vat
        assert (
            -sum(
                ledger.balance(account, payment.payee)
                for account in (Account.SELLER_PENDING, Account.SELLER_AVAILABLE)
            )
            == due.share
        )
        assert ledger.balance(Account.PROVIDER_CLEARING) == payment.amount - payment.refunded
        check_now()


def make_entry() -> Entry:
    """Save an entry without lines, as no service does."""
    return Entry.objects.create(kind=Entry.Kind.CORRECTION, key="correction:1", created_at=timezone.now())


@transaction.atomic
def add_lines(entry: Any) -> None:
    EntryLine.objects.create(entry=entry, account=Account.FEES, amount=7)
    EntryLine.objects.create(entry=entry, account=Account.VAT, amount=-7)


def release(payment: Payment) -> None:
    payment.released_at = timezone.now()
    payment.save()
    ledger.post_release(payment)


def balances() -> dict[str, int]:
    """Return the accounts with a balance."""
    totals: dict[str, int] = {}
    for account, amount in EntryLine.objects.values_list("account", "amount"):
        totals[account] = totals.get(account, 0) + amount
    return {account: total for account, total in totals.items() if total}


def check_now() -> None:
    """Let PostgreSQL check at once what it checks at the commit."""
    with connection.cursor() as cursor:
        cursor.execute(CHECK_NOW)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
