"""The expected statuses of the routes of orders, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from orders.tests.address_factories import make_address
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/addresses": (401, 200, 200, 200),
    "POST /api/v1/addresses": (401, 400, 400, 400),
    "GET /api/v1/addresses/<uuid:address_id>": (401, 404, 200, 404),
    "PATCH /api/v1/addresses/<uuid:address_id>": (401, 404, 200, 404),
    "DELETE /api/v1/addresses/<uuid:address_id>": (401, 404, 204, 404),
}
BODIES = {"PATCH /api/v1/addresses/<uuid:address_id>": '{"apartment": "7"}'}


def make_rows(people: People) -> dict[str, Any]:
    """Save an address of the buyer's."""
    return {"address_id": make_address(people.buyer).pk}
