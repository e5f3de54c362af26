"""The screens of finance: sums, CSV, cases, documents, messages, notices, and trying again."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.db.models import Func, IntegerField
from django.test import Client

from accounts.models import User
from accounts.tests.factories import make_finance, make_moderator, make_seller, make_user
from payments.admin.payments import PaymentAdmin
from payments.models import FinanceCase, Payment, Payout, Refund, Transfer
from payments.tests.factories import make_payment, make_payout, make_refund
from payments.tests.staff_screens import (
    SCREENS,
    make_bill,
    make_case,
    make_document,
    make_entry,
    make_reconciliation,
    make_transfer,
    make_webhook,
)
from payments.tests.test_staff_refunds import act
from soukloop.core.staff.money_lists import Total
from soukloop.core.tests.factories import make_job
from soukloop.tests.staff import list_url, read

pytestmark = pytest.mark.django_db
PAYMENTS = list_url(Payment)


@pytest.fixture
def finance() -> User:
    return make_finance()


@pytest.fixture
def desk(finance: User) -> Client:
    return browser_of(finance)


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def text(browser: Client, url: str) -> str:
    return read(browser, url).replace("\u00a0", " ")


def rows_of(response: Any) -> list[dict[str, str]]:
    """Return the rows of a streamed CSV."""

    async def collect() -> bytes:
        return b"".join([part async for part in response])

    content = async_to_sync(collect)().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def page_of(row: Any) -> str:
    return f"{list_url(type(row))}{row.pk}/change/"


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_finance_reads_each_screen_and_moderators_none(model: Any, desk: Client) -> None:
    SCREENS[model]()
    row = model._default_manager.order_by("-pk")[0]
    moderator = browser_of(make_moderator())
    for url in (list_url(model), page_of(row)):
        assert desk.get(url).status_code == 200
        assert moderator.get(url).status_code == 403


def test_a_list_adds_up_what_filter_and_search_select(desk: Client) -> None:
    make_refund(make_payment(), 10_000)
    make_payment(amount=15_000, fee=750)
    make_payment(amount=99_900, fee=0, state=Payment.State.CREATED, captured_at=None)
    page = text(desk, f"{PAYMENTS}?state__exact=captured")
    for label, value in (("Rows", "2"), ("Amount", "AED 1,000.00"), ("Fee", "AED 50.00")):
        assert f"<dt>{label}</dt><dd>{value}</dd>" in page
    assert "<dt>Refunded</dt><dd>AED 100.00</dd>" in page
    assert "<dt>Rows</dt><dd>0</dd>" in text(desk, f"{PAYMENTS}?q=nothing-like-it")


def test_a_sum_that_takes_too_long_is_left_out(desk: Client, settings: Any, monkeypatch: Any) -> None:

    make_payment()
    slow = Func(function="pg_sleep", template="length(pg_sleep(2)::text)", output_field=IntegerField())
    monkeypatch.setattr(PaymentAdmin, "totals", (Total("Slow", slow),))
    settings.STAFF_SUMS_TIMEOUT = settings.STAFF_SUMS_TIMEOUT / 30
    page = text(desk, PAYMENTS)
    assert "too many to add up" in page
    assert "AED 850.00" in page, "the list itself is shown"


def test_the_file_has_the_rows_that_the_list_selects_and_is_logged(desk: Client, finance: User) -> None:
    made = [make_payment(amount=10_000 + number, fee=500) for number in range(3)]
    make_payment(amount=99_900, fee=0, state=Payment.State.CREATED, captured_at=None)
    rows = rows_of(desk.post(f"{PAYMENTS}export/?state__exact=captured"))
    assert [row["Amount"] for row in rows] == ["100.00", "100.01", "100.02"]
    assert [row["Payment"] for row in rows] == [str(payment.pk) for payment in made]
    assert {row["VAT in the fee"] for row in rows} == {"0.24"}
    entry = LogEntry.objects.get(user=finance)
    assert entry.object_repr == "Export of payments"
    assert entry.change_message == "Exported as CSV: state__exact=captured"
    assert "Export of payments" in read(desk, "/admin/"), "the start page shows what one did"


def test_a_file_is_read_in_parts_and_ends_at_the_limit(desk: Client, settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("soukloop.core.staff.money_lists._BATCH", 2)
    seller = make_seller()
    for number in range(5):
        make_payout(seller, 1_000 + number, state=Payout.State.PAID)
    amounts = [row["Amount"] for row in rows_of(desk.post(f"{list_url(Payout)}export/"))]
    assert amounts == ["10.00", "10.01", "10.02", "10.03", "10.04"]
    settings.STAFF_EXPORT_ROWS_MAX = 3
    rows = rows_of(desk.post(f"{list_url(Payout)}export/"))
    assert [row["Amount"] for row in rows[:-1]] == ["10.00", "10.01", "10.02"]
    assert rows[-1]["Payout"].startswith("Only the first 3 rows are here")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", " ="])
def test_no_text_of_a_person_is_a_formula_in_the_file(start: str, desk: Client) -> None:
    make_payment(description=f"{start}HYPERLINK(1)")
    [row] = rows_of(desk.post(f"{PAYMENTS}export/"))
    assert row["Description"] == f"'{start}HYPERLINK(1)"


def test_a_file_is_for_those_who_may_see_the_list_and_no_link_makes_it(desk: Client) -> None:
    assert browser_of(make_moderator()).post(f"{PAYMENTS}export/").status_code == 403
    assert browser_of(make_user()).post(f"{PAYMENTS}export/").status_code == 302
    assert desk.get(f"{PAYMENTS}export/").status_code == 405
    assert desk.post(f"{PAYMENTS}export/?client_secret__startswith=a").status_code == 400
    assert not LogEntry.objects.exclude(user__is_superuser=True).exists()


def test_a_case_marks_the_values_on_which_both_sides_differ(desk: Client) -> None:
    page = text(desk, page_of(make_case()))
    assert '<tr class="differs"><td>amount</td><td>AED 850.00</td><td>AED 85.00</td></tr>' in page
    assert "<tr><td>currency</td><td>AED</td><td>AED</td></tr>" in page
    assert "<tr><td>state</td><td>authorised</td><td>–</td></tr>" in page


def test_a_case_is_closed_once_with_a_resolution(finance: User) -> None:
    case = make_case()
    act(finance, case, "close", reason="The provider was right")
    act(finance, case, "close", reason="Again")
    case.refresh_from_db()
    assert (case.closed_by, case.resolution) == (finance, "The provider was right")
    assert LogEntry.objects.filter(object_id=str(case.pk)).count() == 1


def test_a_failed_payout_and_a_failed_transfer_are_tried_again_once(finance: User) -> None:
    payout = make_payout(make_seller(), 5_000, state=Payout.State.FAILED)
    act(finance, payout, "retry", reason="New IBAN")
    transfer = make_transfer(state=Transfer.State.FAILED)
    act(finance, transfer, "retry", reason="Account open")
    assert "did not fail" in act(finance, transfer, "retry", reason="Again")
    transfer.refresh_from_db()
    assert (transfer.state, transfer.attempt) == (Transfer.State.REQUESTED, 2)
    messages = set(LogEntry.objects.filter(user=finance).values_list("change_message", flat=True))
    assert messages == {"Tried again: New IBAN", "Tried again: Account open"}


def test_what_did_not_fail_is_not_tried_again_and_moderators_try_nothing(finance: User) -> None:
    payout = make_payout(make_seller(), 5_000, state=Payout.State.PAID)
    assert "did not fail" in act(finance, payout, "retry", reason="x")
    rows = (
        make_payout(make_seller(), 5_000, state=Payout.State.FAILED),
        make_transfer(state=Transfer.State.FAILED),
        make_case(),
    )
    moderator = make_moderator()
    for row, action in zip(rows, ("retry", "retry", "close"), strict=True):
        response = browser_of(moderator).post(
            list_url(type(row)),
            {"action": action, "_selected_action": [row.pk], "confirmed": "yes", "reason": "x"},
        )
        assert response.status_code == 403
    assert not FinanceCase.objects.filter(closed_at__isnull=False).exists()
    assert not LogEntry.objects.exclude(user__is_superuser=True).exists()


def test_a_document_is_shown_as_its_person_got_it(desk: Client) -> None:
    document = make_document()
    for language, words in (("en", str(document)), ("ar", 'dir="rtl"')):
        response = desk.get(f"/admin/payments/document/{document.pk}/page/{language}/")
        assert words in response.content.decode()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "no-store" in response.headers["Cache-Control"]
    assert desk.get(f"/admin/payments/document/{document.pk}/page/fr/").status_code == 404
    address = f"/admin/payments/document/{document.pk}/page/en/"
    assert browser_of(make_moderator()).get(address).status_code == 403


def test_a_message_of_a_provider_is_shown_without_secrets(desk: Client) -> None:
    body = {"data": [{"client_secret": "pi_1_hidden", "amount": 85_000}], "Access_Token": {"a": "hidden"}}
    page = read(desk, page_of(make_webhook(body=body)))
    assert "85000" in page
    assert "hidden" not in page.split("staff-json")[1].split("</pre>")[0]


def test_client_secrets_of_payments_appear_nowhere(desk: Client) -> None:
    payment = make_payment(client_secret="pi_secret_hidden")
    assert "pi_secret_hidden" not in read(desk, PAYMENTS) + read(desk, page_of(payment))


def test_an_entry_shows_debits_and_credits(desk: Client) -> None:
    page = text(desk, page_of(make_entry()))
    for amount in ("AED 42.50", "AED 40.48", "AED 2.02"):
        assert amount in page
    assert 'name="_save"' not in page


def test_the_start_page_tells_finance_what_waits_and_moderators_nothing(desk: Client, finance: User) -> None:
    assert "money" not in read(desk, "/admin/").split("content-main")[0].split("messagelist")[-1]
    make_case()
    payment = make_payment()
    waiting = {"state": Refund.State.WAITING, "closed_at": None}
    make_refund(payment, 1_000, external_id="", requested_by=make_user(), **waiting)
    make_refund(payment, 1_000, external_id="", requested_by=finance, **waiting)
    make_bill(state="overdue")
    make_reconciliation(day=date(2026, 7, 1), differences=2)
    make_job(status="failed", task_name="payments.capture")
    notices = (
        "1 case about money is open.",
        "1 refund waits for a second person, such as you.",
        "1 bill of fees is overdue.",
        "of 1 July found 2 differences.",
        "1 job of payments has failed.",
    )
    page, others = read(desk, "/admin/"), read(browser_of(make_moderator()), "/admin/")
    for notice in notices:
        assert notice in page
        assert notice not in others
    for link in ("financecase/?state=open", "refund/?state__exact=waiting", "feebill/?state__exact=overdue"):
        assert "No rows" not in read(desk, f"/admin/payments/{link}")
