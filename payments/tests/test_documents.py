"""Invoices, receipts and credit notes: what they say, their numbers, who reads them, and their looks."""

import re
import zlib
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from accounts.services.deletion import delete_account
from accounts.services.moderation import ban_user
from accounts.tests.factories import PASSWORD, client_for, make_seller, make_user
from accounts.tests.test_races import at_once
from payments import documents
from payments.models import Document, DocumentSeries, Entry, EntryLine, Payment
from payments.services import ledger
from payments.services.documents import issue_documents_of, issue_missing_documents
from payments.tests.factories import make_captured_sale

pytestmark = pytest.mark.django_db
URL = "/api/v1/documents"
Account = EntryLine.Account


def captured_payment() -> Payment:
    """Return a sale of 850.00 with a fee of 42.50, 2.02 of it VAT."""
    return make_captured_sale(
        payer=make_user(full_name="Noura"),
        payee=make_seller(full_name="Omar Al Suwaidi"),
        description="Nike <Air> Jordan 1 & حذاء",
    )


def enter(payment: Payment, kind: Entry.Kind, *, fee: int, vat: int) -> None:
    """Post a change of the fee and of the VAT within it; positive gives it back."""
    lines = [
        (Account.FEE_DEBT, payment.payee_id, -fee),
        (Account.FEES, None, fee - vat),
        (Account.VAT, None, vat),
    ]
    ledger.post(kind=kind, key=f"{kind}:{uuid4()}", lines=lines, payment=payment)


def seller_of(payment: Payment) -> User:
    assert payment.payee is not None
    return payment.payee


def issued() -> list[tuple[Any, ...]]:
    return [
        (str(document), document.person, document.net, document.vat, document.total)
        for document in Document.objects.order_by("issued_at", "id")
    ]


def test_a_captured_payment_has_a_receipt_and_an_invoice_that_splits_the_fee() -> None:
    payment = captured_payment()
    assert issue_documents_of(payment) == 2
    year = payment.created_at.year
    assert sorted(issued(), key=lambda row: row[0]) == [
        (f"INV-{year}-000001", payment.payee, 4_048, 202, 4_250),
        (f"RCT-{year}-000001", payment.payer, 85_000, 0, 85_000),
    ]


def test_documents_are_issued_once_however_often_the_job_runs() -> None:
    payment = captured_payment()
    assert [issue_documents_of(payment), issue_documents_of(payment), issue_missing_documents()] == [2, 0, 0]


def test_a_fee_that_is_given_back_becomes_a_credit_note_and_one_taken_again_an_invoice() -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    enter(payment, Entry.Kind.FEE_WAIVED, fee=2_125, vat=101)
    enter(payment, Entry.Kind.REFUND_RETURNED, fee=-2_125, vat=-101)
    assert issue_missing_documents() == 2
    year = payment.created_at.year
    numbers = {str(document): document.total for document in Document.objects.all()}
    assert numbers[f"CRN-{year}-000001"] == 2_125
    assert numbers[f"INV-{year}-000002"] == 2_125


def test_payments_that_are_not_captured_and_bills_have_no_documents() -> None:
    payment = captured_payment()
    Payment.objects.update(state="authorised")
    payment.refresh_from_db()
    assert issue_documents_of(payment) == 0
    Payment.objects.update(state="captured", kind="fee_bill", payee=None)
    payment.refresh_from_db()
    assert issue_documents_of(payment) == 0
    assert issue_missing_documents() == 0


def test_the_year_of_a_number_is_that_of_dubai(monkeypatch: pytest.MonkeyPatch) -> None:
    payment = captured_payment()
    new_year_in_dubai = datetime(2026, 12, 31, 20, 30, tzinfo=UTC)
    monkeypatch.setattr("payments.services.documents.database_now", lambda: new_year_in_dubai)
    issue_documents_of(payment)
    assert {name for name, *_ in issued()} == {"INV-2027-000001", "RCT-2027-000001"}


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_gaps_when_many_are_issued_at_once_and_some_fail() -> None:
    payments = [captured_payment() for _ in range(8)]

    at_once([partial(issue_documents_of, payments[number % 8]) for number in range(16)])
    for prefix in ("INV", "RCT"):
        series = DocumentSeries.objects.get(name__startswith=prefix)
        numbers = sorted(series.documents.values_list("number", flat=True))
        assert numbers == list(range(1, 9))
        assert series.last_number == 8


def test_everybody_reads_their_own_documents_only() -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    items = client_for(payment.payer).get(URL).json()["data"]["items"]
    assert [(item["kind"], item["total"], item["vat"]) for item in items] == [("receipt", 850.0, 0.0)]
    assert items[0]["reference"] == str(payment.reference)
    invoice = Document.objects.get(kind="fee_invoice")
    seller = client_for(seller_of(payment))
    assert [item["id"] for item in seller.get(URL, {"kind": "fee_invoice"}).json()["data"]["items"]] == [
        str(invoice.pk)
    ]
    for ending in ("html", "pdf"):
        assert client_for(payment.payer).get(f"{URL}/{invoice.pk}.{ending}").status_code == 404
    assert seller.get(URL, {"kind": "nonsense"}).status_code == 400
    assert seller.get(f"{URL}/{invoice.pk}.html", {"lang": "fr"}).status_code == 400


def test_the_page_shows_amounts_and_escapes_what_people_wrote() -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    invoice = Document.objects.get(kind="fee_invoice")
    answer = client_for(seller_of(payment)).get(f"{URL}/{invoice.pk}.html", {"lang": "en"})
    page = answer.content.decode()
    for words in (
        "Tax invoice",
        str(invoice),
        "AED 40.48",
        "AED 2.02",
        "AED 42.50",
        "AED 850.00",
        "Omar Al Suwaidi",
    ):
        assert words in page
    assert "&lt;Air&gt;" in page
    assert "<Air>" not in page
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_the_arabic_page_is_arabic_and_runs_from_the_right() -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    receipt = Document.objects.get(kind="receipt")
    page = client_for(payment.payer).get(f"{URL}/{receipt.pk}.html", {"lang": "ar"}).content.decode()
    assert '<html lang="ar" dir="rtl">' in page
    assert "إيصال" in page
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(Receipt|Total|Buyer|Date|Amount|Description)\b", text)


def test_the_pdf_has_the_number_and_embedded_arabic_letters() -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    receipt = Document.objects.get(kind="receipt")
    answer = client_for(payment.payer).get(f"{URL}/{receipt.pk}.pdf", {"lang": "ar"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF")
    parts = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", answer.content, re.DOTALL)
    written = b"".join(zlib.decompress(part) for part in parts if part.startswith(b"x"))
    assert b"/FontFile" in written + answer.content
    assert f'filename="{receipt}.pdf"' in answer["Content-Disposition"]


def test_a_third_pdf_at_once_is_refused_and_may_be_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    receipt = Document.objects.get(kind="receipt")
    for _ in range(2):
        documents._slots.acquire()
    try:
        answer = client_for(payment.payer).get(f"{URL}/{receipt.pk}.pdf")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    finally:
        documents._slots.release(2)


def test_a_deleted_persons_name_leaves_the_documents_of_both_sides() -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    delete_account(actor=payment.payer, password=PASSWORD)
    for document in Document.objects.all():
        assert document.content["payer"]["en"] == "Deleted account"
        assert "Omar" in document.content["payee"]["en"]


def test_a_banned_persons_name_stays_in_the_documents() -> None:
    payment = captured_payment()
    issue_documents_of(payment)
    ban_user(actor=make_user(is_staff=True, is_superuser=True), user_id=payment.payer.pk, reason="Fraud")
    assert all("Noura" in document.content["payer"]["en"] for document in Document.objects.all())
