"""The expected statuses of the routes of orders, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from listings.tests.factories import make_product
from orders.codes import plain_code
from orders.tests.address_factories import make_address
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
    "GET /api/v1/sales": (401, 200, 200, 200),
}
BODIES = {
    "PATCH /api/v1/addresses/<uuid:address_id>": '{"apartment": "7"}',
    "POST /api/v1/orders/<uuid:order_id>/hand-over": '{"code": "000000"}',
}


def make_rows(people: People) -> dict[str, Any]:
    """Create an address of the buyer's, and an order in person with another code than the request's."""
    order = make_order(make_product(seller=people.seller), buyer=people.buyer)
    while plain_code(order.hand_over_code) == "000000":
        order = make_order(make_product(seller=people.seller), buyer=people.buyer)
    return {"order_id": order.pk, "address_id": make_address(people.buyer).pk}
