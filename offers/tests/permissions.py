"""The expected statuses of the routes of offers, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from listings.tests.factories import make_product
from offers.tests.factories import make_offer, make_sale
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/badges": (401, 200, 200, 200),
    "GET /api/v1/offers": (401, 200, 200, 200),
    "POST /api/v1/offers": (401, 400, 400, 400),
    "GET /api/v1/offers/<uuid:offer_id>": (401, 404, 200, 200),
    "PATCH /api/v1/offers/<uuid:offer_id>/accept": (401, 404, 403, 200),
    "POST /api/v1/offers/<uuid:offer_id>/accept": (401, 404, 403, 200),
    "PATCH /api/v1/offers/<uuid:offer_id>/counter": (401, 404, 403, 200),
    "POST /api/v1/offers/<uuid:offer_id>/counter": (401, 404, 403, 200),
    "PATCH /api/v1/offers/<uuid:offer_id>/decline": (401, 404, 403, 200),
    "POST /api/v1/offers/<uuid:offer_id>/decline": (401, 404, 403, 200),
    "PATCH /api/v1/offers/<uuid:offer_id>/withdraw": (401, 404, 200, 403),
    "POST /api/v1/offers/<uuid:offer_id>/withdraw": (401, 404, 200, 403),
    "GET /api/v1/transactions": (401, 200, 200, 200),
    "GET /api/v1/transactions/<uuid:transaction_id>": (401, 404, 200, 200),
    "PATCH /api/v1/transactions/<uuid:transaction_id>/cancel": (401, 404, 200, 200),
    "POST /api/v1/transactions/<uuid:transaction_id>/cancel": (401, 404, 200, 200),
}
BODIES = {
    f"{method} /api/v1/offers/<uuid:offer_id>/counter": '{"offered_price": 800}'
    for method in ("PATCH", "POST")
}


def make_rows(people: People) -> dict[str, Any]:
    """Create an offer from the buyer to the seller, and a sale between them."""
    offer = make_offer(make_product(seller=people.seller), buyer=people.buyer)
    sale = make_sale(make_product(seller=people.seller), buyer=people.buyer)
    return {"offer_id": offer.pk, "transaction_id": sale.pk}
