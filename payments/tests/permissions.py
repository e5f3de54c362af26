"""The expected statuses of the routes of payments, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    # A provider that there is not; who sends a webhook makes no difference.
    "POST /api/v1/payments/webhooks/<str:provider>": (404, 404, 404, 404),
}


def make_rows(people: People) -> dict[str, Any]:
    return {"provider": "unknown"}
