"""The expected statuses of the routes of payments, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from django.utils import timezone

from payments.models import Document
from payments.services.documents import issue_documents_of
from payments.tests.factories import make_captured_sale
from payments.tests.ledgers import pay_bill
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    # A provider that there is not; who sends a webhook makes no difference.
    "GET /api/v1/payments/account": (401, 200, 200, 200),
    "POST /api/v1/payments/account": (401, 403, 403, 200),
    "POST /api/v1/payments/account/onboarding": (401, 403, 403, 200),
    "GET /api/v1/payments/card": (401, 200, 200, 200),
    "POST /api/v1/payments/card": (401, 403, 403, 200),
    "DELETE /api/v1/payments/card": (401, 404, 404, 404),
    "POST /api/v1/payments/webhooks/<str:provider>": (404, 404, 404, 404),
    "GET /api/v1/documents": (401, 200, 200, 200),
    "GET /api/v1/documents/<uuid:document_id>.html": (401, 404, 200, 404),
    "GET /api/v1/documents/<uuid:document_id>.pdf": (401, 404, 200, 404),
    "GET /api/v1/balance": (401, 200, 200, 200),
    "GET /api/v1/payouts": (401, 200, 200, 200),
    "GET /api/v1/fee-bills": (401, 200, 200, 200),
    "POST /api/v1/fee-bills/<uuid:bill_id>/pay": (401, 404, 404, 409),
    "GET /api/v1/statements": (401, 200, 200, 200),
    "GET /api/v1/statements/<str:month>.csv": (401, 200, 200, 200),
}


def make_rows(people: People) -> dict[str, Any]:
    """Issue the documents of a sale that the buyer paid in person, and a bill that its seller has paid."""
    payment = make_captured_sale(payer=people.buyer, payee=people.seller)
    issue_documents_of(payment)
    bill, _payment = pay_bill(people.seller, 4_250)
    return {
        "provider": "unknown",
        "document_id": Document.objects.get(kind=Document.Kind.RECEIPT).pk,
        "bill_id": bill.pk,
        "month": f"{timezone.now():%Y-%m}",
    }
