"""Issuing invoices of our fee, credit notes and receipts, numbered without gaps, from what the ledger has."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from payments.models import Document, DocumentSeries, Entry, EntryLine, Payment
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

logger = logging.getLogger(__name__)
Kind, Account = Document.Kind, EntryLine.Account

_SERIES = {Kind.FEE_INVOICE: "INV", Kind.CREDIT_NOTE: "CRN", Kind.RECEIPT: "RCT"}
_FEE_ACCOUNTS = (Account.FEES, Account.VAT)
_PSEUDONYM = {"en": "Deleted account", "ar": "حساب محذوف"}


def enqueue_documents(payment: Payment) -> None:
    """Enqueue a job that issues what is missing of a payment's documents."""
    enqueue("payments.issue_documents", payment_id=str(payment.pk))


def issue_documents_of(payment: Payment) -> int:
    """Issue the documents of a captured payment that are missing, each once; return how many.

    The receipt is for the payer of a sale. Whatever the ledger has on fees and VAT becomes an invoice to the
    seller where it credits them, and a credit note where it debits them. Bills of fees have none of their
    own: the fees in them were invoiced with each sale.
    """
    if payment.kind != Payment.Kind.SALE or payment.state != Payment.State.CAPTURED:
        return 0
    issued = 0
    key = f"receipt:{payment.pk}"
    if not Document.objects.filter(key=key).exists():
        issued += _issue(Kind.RECEIPT, key, payment, net=payment.amount, vat=0)
    for entry in _entries_without_document().filter(payment=payment).order_by("id").prefetch_related("lines"):
        net, vat = (
            -sum(line.amount for line in entry.lines.all() if line.account == account)
            for account in _FEE_ACCOUNTS
        )
        kind = Kind.FEE_INVOICE if net + vat > 0 else Kind.CREDIT_NOTE
        if net + vat:
            issued += _issue(kind, f"entry:{entry.pk}", payment, net=abs(net), vat=abs(vat), entry=entry)
    return issued


def issue_missing_documents() -> int:
    """Issue all documents that are missing, whatever became of the jobs that should have; return how many."""
    sales = Payment.objects.filter(kind=Payment.Kind.SALE, state=Payment.State.CAPTURED)
    receipt_missing = ~Exists(Document.objects.filter(payment=OuterRef("pk"), kind=Kind.RECEIPT))
    invoice_missing = Exists(_entries_without_document().filter(payment=OuterRef("pk")))
    issued = 0
    for payment in sales.filter(receipt_missing | invoice_missing).order_by("captured_at", "id")[:1000]:
        issued += issue_documents_of(payment)
    return issued


def pseudonymise_documents_of(user: User) -> None:
    """Take a deleted person's name out of documents, which are kept with their amounts and numbers.

    Called in the transaction that deletes the account.
    """
    of_theirs = Q(payment__payer=user) | Q(payment__payee=user)
    found = Document.objects.filter(of_theirs).select_related("payment").select_for_update(of=("self",))
    for document in found:
        for side, person_id in (("payer", document.payment.payer_id), ("payee", document.payment.payee_id)):
            if person_id == user.pk:
                document.content[side] = _PSEUDONYM
        document.save(update_fields=["content"])


def _entries_without_document() -> Any:
    """Return the entries of sales that change fees or VAT and have no document yet."""
    touches_fees = EntryLine.objects.filter(entry=OuterRef("pk"), account__in=_FEE_ACCOUNTS)
    has_document = Document.objects.filter(entry=OuterRef("pk"))
    return Entry.objects.filter(
        Exists(touches_fees), ~Exists(has_document), payment__kind=Payment.Kind.SALE
    ).exclude(kind=Entry.Kind.CORRECTION)


def _issue(
    kind: Document.Kind, key: str, payment: Payment, *, net: int, vat: int, entry: Entry | None = None
) -> int:
    """Issue a document under the next number of its series, unless another worker has just done so.

    The number is taken under the lock of the series' row, in the transaction that inserts the document: one
    that is rolled back gives its number back, so there are no gaps.
    """
    now = database_now()
    person = payment.payer if kind == Kind.RECEIPT else payment.payee
    assert person is not None  # of a sale
    with transaction.atomic():
        series = _lock_series(kind, now)
        if Document.objects.filter(key=key).exists():
            return 0
        series.last_number += 1
        series.save(update_fields=["last_number"])
        Document.objects.create(
            kind=kind,
            series=series,
            number=series.last_number,
            key=key,
            entry=entry,
            person=person,
            payment=payment,
            net=net,
            vat=vat,
            total=net + vat,
            currency=payment.currency,
            content=_content(payment),
            issued_at=now,
        )
    logger.info("issued %s-%06d for payment %s", series.name, series.last_number, payment.pk)
    return 1


def _lock_series(kind: Document.Kind, now: datetime) -> DocumentSeries:
    name = f"{_SERIES[kind]}-{now.astimezone(ZoneInfo(settings.STAFF_TIME_ZONE)).year}"
    DocumentSeries.objects.bulk_create([DocumentSeries(name=name)], ignore_conflicts=True)
    return DocumentSeries.objects.select_for_update().get(name=name)


def _content(payment: Payment) -> Mapping[str, Any]:
    """Return what is printed beside the amounts, as it is now."""
    return {
        "issuer": {
            "name": {"en": settings.COMPANY_NAME, "ar": settings.COMPANY_NAME_AR},
            "address": settings.COMPANY_ADDRESS,
            "trn": settings.COMPANY_TRN,
        },
        "payer": _name(payment.payer),
        "payee": _name(payment.payee),
        "sold": payment.description,
        "price": payment.amount,
        "vat_rate": settings.VAT_RATE,
        "provider": payment.provider,
    }


def _name(user: User | None) -> Mapping[str, str]:
    if user is None:
        return {}
    if user.deleted_at is not None:
        return _PSEUDONYM
    name = f"\u2066@{user.username}\u2069"  # isolated, or its "@" goes to the other end in Arabic
    name = f"{user.full_name} ({name})" if user.full_name else name
    return {"en": name, "ar": name}
