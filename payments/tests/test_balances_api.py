"""What sellers read of their money: balance, payouts, bills, statements."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from time_machine import travel

from accounts.models import User
from accounts.tests.factories import client_for, make_seller
from payments.models import Entry, EntryLine, Payout
from payments.services import ledger
from payments.tests.factories import make_payment, make_payout, make_refund
from payments.tests.ledgers import FullLedger, charge, make_full_ledger, release

pytestmark = pytest.mark.django_db


@pytest.fixture
def full() -> FullLedger:
    return make_full_ledger()


def get(user: User, path: str, **headers: Any) -> Any:
    response = client_for(user).get(f"/api/v1/{path}", **headers)
    assert response.status_code == 200, response.content
    return response.json()["data"]


def statement(user: User, month: str | None = None) -> list[dict[str, str]]:
    text = statement_text(user, month)
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def statement_text(user: User, month: str | None = None) -> str:
    month = month or timezone.now().strftime("%Y-%m")
    response: Any = client_for(user).get(f"/api/v1/statements/{month}.csv")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return str(response.content.decode())


def test_balance_is_what_the_ledger_says(full: FullLedger) -> None:
    body = get(full.seller, "balance")
    sums = {
        account: -ledger.balance(account, full.seller)
        for account in ("seller_pending", "seller_available", "seller_on_its_way")
    }
    assert body["pending"] == sums["seller_pending"] / 100
    assert body["available"] == sums["seller_available"] / 100
    assert body["on_its_way"] == sums["seller_on_its_way"] / 100 == 200
    assert body["on_its_way_display"] == "AED 200.00"
    assert (body["debt"], body["currency"]) == (0, "AED")


def test_balance_of_somebody_without_sales_is_zero() -> None:
    body = get(make_seller(), "balance")
    assert [body[name] for name in ("pending", "available", "on_its_way", "debt")] == [0, 0, 0, 0]


def test_debt_is_of_fees_and_of_refunds_after_the_payout() -> None:
    seller = make_seller()
    sale = charge(seller)
    release(sale)
    payout = make_payout(seller, 80_750)
    ledger.post_payout(payout)
    ledger.post_payout_paid(payout)
    ledger.post_refund(make_refund(sale, 85_000))
    ledger.post_hand_over_fee(make_payment(payee=seller, provider="in_person"))
    body = get(seller, "balance")
    assert body["debt"] == 850
    assert body["available"] == 0


def test_balance_is_shown_in_arabic(full: FullLedger) -> None:
    assert get(full.seller, "balance", HTTP_ACCEPT_LANGUAGE="ar")["debt_display"] == "0.00 د.إ."


def test_payouts_are_ones_own_and_newest_first(full: FullLedger) -> None:
    make_payout(make_seller(), 5_000)
    body = get(full.seller, "payouts")
    assert body["total"] == 3
    assert [item["amount"] for item in body["items"]] == [10, 200, 500]
    assert [item["state"] for item in body["items"]] == ["failed", "on_its_way", "paid"]


def test_bills_are_ones_own(full: FullLedger) -> None:
    [bill] = get(full.seller, "fee-bills")["items"]
    assert (bill["id"], bill["amount"], bill["state"]) == (str(full.bill.pk), 21.25, "paid")
    assert bill["month"] == f"{timezone.now():%Y-%m}"
    assert get(make_seller(), "fee-bills")["items"] == []


@pytest.mark.parametrize("path", ["balance", "payouts", "fee-bills", "statements"])
def test_number_of_queries_does_not_depend_on_the_rows(
    path: str, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    seller = make_seller()
    for number in range(12):
        sale = charge(seller)
        release(sale)
        make_payout(seller, 1_000 + number, state=Payout.State.PAID)
    client = client_for(seller)
    with django_assert_max_num_queries(4):
        client.get(f"/api/v1/{path}")


def test_statement_lists_each_event_between_two_balances(full: FullLedger) -> None:
    rows = statement(full.seller)
    assert rows[0]["Event"] == "Opening balance"
    assert rows[-1]["Event"] == "Closing balance"
    own = EntryLine.objects.filter(person=full.seller).values("entry").distinct().count()
    assert len(rows) - 2 == own
    for column in ("Pending", "Available", "On its way to your bank", "Fees you owe"):
        changes = sum(round(100 * float(row[column])) for row in rows[:-1])
        assert changes == round(100 * float(rows[-1][column]))
    charged = next(row for row in rows if row["Event"] == "Sale paid by card")
    assert (charged["Price"], charged["Our fee, VAT included"], charged["VAT in the fee"]) == (
        "850.00",
        "42.50",
        "2.02",
    )
    assert (charged["Sale"], charged["Pending"]) == ("A chair", "807.50")


def test_statement_of_an_earlier_month_ends_with_what_was_there_then() -> None:
    seller = make_seller()
    with travel("2026-09-30 20:00", tick=False):  # October in Dubai
        charge(seller)
    charge(seller)
    rows = statement(seller, "2026-10")
    assert [row["Event"] for row in rows] == ["Opening balance", "Sale paid by card", "Closing balance"]
    assert rows[-1]["Pending"] == "807.50"
    assert rows[1]["Date and time"] == "2026-10-01 00:00:00"
    assert [item["month"] for item in get(seller, "statements")["items"]] == [
        f"{timezone.now():%Y-%m}",
        "2026-10",
    ]
    assert len(statement(seller, "2026-09")) == 2


def test_statement_never_shows_another_sellers_sales_or_fees(full: FullLedger) -> None:
    other = make_seller()
    charge(other, amount=12_345, fee=617)
    ledger.post(
        kind=Entry.Kind.CORRECTION,
        key="correction:1",
        lines=[
            (EntryLine.Account.FEES, None, 777),
            (EntryLine.Account.SELLER_AVAILABLE, other.pk, -555),
            (EntryLine.Account.SELLER_AVAILABLE, full.seller.pk, -222),
        ],
        payment=full.pending,
        actor=full.seller,
        note="Shared",
    )
    theirs = statement_text(other)
    assert "123.45" in theirs
    assert "807.50" not in theirs
    assert "7.77" not in theirs
    assert "2.22" not in theirs
    [correction] = [row for row in statement(other) if row["Event"] == "Correction"]
    assert (correction["Available"], correction["Our fee, VAT included"]) == ("5.55", "")
    ours = statement_text(full.seller)
    for foreign in ("123.45", "6.17", "117.28", "5.55"):
        assert foreign not in ours


def test_statement_is_in_the_accounts_language() -> None:
    seller = make_seller(language="ar")
    charge(seller)
    text = statement_text(seller)
    assert text.startswith("\ufeffالتاريخ")
    assert "Price" not in text


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "  =1"])
def test_title_of_a_sale_is_no_formula(title: str) -> None:
    seller = make_seller()
    ledger.post_charge(make_payment(payee=seller, description=title))
    [row] = [row for row in statement(seller) if row["Sale"]]
    assert row["Sale"] == f"'{title}"


def test_a_statement_that_is_read_in_parts_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.selectors.statements._ROWS", 2)
    seller = make_seller()
    for _ in range(5):
        charge(seller)
    assert len(statement(seller)) == 7


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "x", "26-01", "9999-12"])
def test_month_that_there_is_not_is_not_found(month: str) -> None:
    response = client_for(make_seller()).get(f"/api/v1/statements/{month}.csv")
    assert response.status_code == 404


def test_month_that_has_not_begun_is_not_found() -> None:
    month = timezone.now() + timedelta(days=40)
    assert client_for(make_seller()).get(f"/api/v1/statements/{month:%Y-%m}.csv").status_code == 404
