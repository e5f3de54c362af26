"""The expected statuses of the routes of orders, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from listings.tests.factories import make_product
from orders.codes import plain_code
from orders.tests.address_factories import make_address
from orders.tests.dispute_factories import make_dispute
from orders.tests.factories import make_order
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/addresses": (401, 200, 200, 200),
    "POST /api/v1/addresses": (401, 400, 400, 400),
    "GET /api/v1/addresses/<uuid:address_id>": (401, 404, 200, 404),
    "PATCH /api/v1/addresses/<uuid:address_id>": (401, 404, 200, 404),
    "DELETE /api/v1/addresses/<uuid:address_id>": (401, 404, 204, 404),
    "GET /api/v1/orders": (401, 200, 200, 200),
    "POST /api/v1/orders": (401, 400, 400, 400),
    "GET /api/v1/orders/<uuid:order_id>": (401, 404, 200, 200),
    "POST /api/v1/orders/<uuid:order_id>/cancel": (401, 404, 200, 200),
    "POST /api/v1/orders/<uuid:order_id>/confirm": (401, 404, 409, 403),
    "POST /api/v1/orders/<uuid:order_id>/hand-over": (401, 404, 403, 409),
    "GET /api/v1/orders/<uuid:order_id>/hand-over-code.svg": (401, 404, 200, 404),
    "POST /api/v1/orders/<uuid:order_id>/pay": (401, 404, 409, 403),
    "POST /api/v1/orders/<uuid:order_id>/ship": (401, 404, 403, 409),
    "POST /api/v1/orders/<uuid:order_id>/disputes": (401, 404, 409, 403),
    "GET /api/v1/sales": (401, 200, 200, 200),
    "GET /api/v1/carriers": (200, 200, 200, 200),
    "GET /api/v1/disputes": (401, 200, 200, 200),
    "GET /api/v1/disputes/<uuid:dispute_id>": (401, 404, 200, 200),
    "POST /api/v1/disputes/<uuid:dispute_id>/evidence": (401, 404, 201, 201),
    "POST /api/v1/disputes/<uuid:dispute_id>/withdraw": (401, 404, 200, 403),
    "POST /api/v1/disputes/<uuid:dispute_id>/accept": (401, 404, 403, 200),
    "POST /api/v1/reviews": (401, 400, 400, 400),
    "GET /api/v1/reviews/pending": (401, 200, 200, 200),
    "GET /api/v1/users/<uuid:user_id>/reviews": (200, 200, 200, 200),
}
BODIES = {
    "PATCH /api/v1/addresses/<uuid:address_id>": '{"apartment": "7"}',
    "POST /api/v1/orders/<uuid:order_id>/hand-over": '{"code": "000000"}',
    "POST /api/v1/orders/<uuid:order_id>/ship": '{"carrier": "aramex", "tracking_number": "34129876543"}',
    "POST /api/v1/orders/<uuid:order_id>/disputes": '{"reason": "damaged", "text": "Torn"}',
    "POST /api/v1/disputes/<uuid:dispute_id>/evidence": '{"text": "Look"}',
}


def make_rows(people: People) -> dict[str, Any]:
    """Create an address of the buyer's, a dispute, an order in person with another code."""
    order = make_order(make_product(seller=people.seller), buyer=people.buyer)
    while plain_code(order.hand_over_code) == "000000":
        order = make_order(make_product(seller=people.seller), buyer=people.buyer)
    received = make_order(make_product(seller=people.seller), buyer=people.buyer, state="handed_over")
    return {
        "order_id": order.pk,
        "address_id": make_address(people.buyer).pk,
        "dispute_id": make_dispute(received).pk,
        "user_id": people.seller.pk,
    }
