"""The admin screens of payments, each with a factory of its rows."""

import itertools
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from accounts.tests.factories import make_seller
from payments.models import (
    Chargeback,
    Document,
    Entry,
    FeeBill,
    FinanceCase,
    Payment,
    Payout,
    Reconciliation,
    Refund,
    SellerAccount,
    Transfer,
    WebhookEvent,
)
from payments.services import ledger
from payments.services.cases import open_case
from payments.services.documents import issue_documents_of
from payments.tests.factories import (
    external_id,
    make_account,
    make_captured_sale,
    make_chargeback,
    make_payment,
    make_payout,
    make_refund,
)

_numbers = itertools.count(1)


def make_entry() -> Entry:
    return make_captured_sale().entries.get()


def make_document() -> Document:
    payment = make_captured_sale()
    issue_documents_of(payment)
    return payment.documents.latest("issued_at")


def make_full_payment() -> Payment:
    """Save a payment with a refund, a chargeback, a document, entries and a case."""
    payment = make_payment()
    ledger.post_charge(payment)
    issue_documents_of(payment)
    make_refund(payment, 10_000)
    make_chargeback(payment, 20_000)
    make_case(payment=payment)
    return payment


def make_transfer(**fields: Any) -> Transfer:
    return Transfer.objects.create(
        payment=make_payment(), amount=80_750, **{"created_at": timezone.now()} | fields
    )


def make_bill(**fields: Any) -> FeeBill:
    now = timezone.now()
    values: dict[str, Any] = {
        "seller": None,
        "month": date(2026, 10, 1),
        "amount": 4250,
        "due_at": now,
        "created_at": now,
    }
    values |= fields
    values["seller"] = values["seller"] or make_seller()
    return FeeBill.objects.create(**values)


def make_case(**fields: Any) -> FinanceCase:
    payment = fields.pop("payment", None) or make_payment()
    values: dict[str, Any] = {
        "kind": FinanceCase.Kind.AMOUNT_MISMATCH,
        "key": f"payment:{payment.pk}",
        "ours": {"amount": 85_000, "currency": "AED", "state": "authorised"},
        "theirs": {"amount": 8_500, "currency": "AED"},
        "payment": payment,
        "person": payment.payer,
    } | fields
    return open_case(**values)


def make_webhook(**fields: Any) -> WebhookEvent:
    values: dict[str, Any] = {
        "provider": "stripe",
        "event_id": external_id("evt"),
        "kind": "payment_intent.succeeded",
        "subject": "payment",
        "object_id": external_id("pi"),
        "body": {"id": "evt_1", "data": {"object": {"amount": 85_000}}},
        "received_at": timezone.now(),
    } | fields
    return WebhookEvent.objects.create(**values)


def make_reconciliation(**fields: Any) -> Reconciliation:
    now = timezone.now()
    values: dict[str, Any] = {
        "provider": "stripe",
        "day": date(2026, 1, 1) + timedelta(days=next(_numbers)),
        "started_at": now,
        "finished_at": now,
    } | fields
    return Reconciliation.objects.create(**values)


SCREENS = {
    Payment: make_full_payment,
    Refund: lambda: make_refund(make_payment(), 10_000),
    Chargeback: lambda: make_chargeback(make_payment(), 10_000),
    Payout: lambda: make_payout(make_seller(), 10_000),
    Transfer: make_transfer,
    SellerAccount: make_account,
    FeeBill: make_bill,
    Entry: make_entry,
    Document: make_document,
    WebhookEvent: make_webhook,
    Reconciliation: make_reconciliation,
    FinanceCase: make_case,
}
