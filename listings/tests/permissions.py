"""The expected statuses of the routes of listings, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from listings.tests.factories import make_product, make_video
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/categories": (200, 200, 200, 200),
    "GET /api/v1/categories/<str:slug>": (200, 200, 200, 200),
    "GET /api/v1/favorites": (401, 200, 200, 200),
    "GET /api/v1/feeds/community": (400, 400, 400, 400),
    "GET /api/v1/feeds/discover": (200, 200, 200, 200),
    "POST /api/v1/products": (401, 403, 403, 400),
    "DELETE /api/v1/products/<uuid:product_id>": (401, 403, 403, 204),
    "GET /api/v1/products/<uuid:product_id>": (200, 200, 200, 200),
    "PATCH /api/v1/products/<uuid:product_id>": (401, 403, 403, 400),
    "DELETE /api/v1/products/<uuid:product_id>/favorite": (401, 200, 200, 200),
    "POST /api/v1/products/<uuid:product_id>/favorite": (401, 200, 200, 200),
    "GET /api/v1/products/<uuid:product_id>/similar": (200, 200, 200, 200),
    "GET /api/v1/search": (200, 200, 200, 200),
    "GET /api/v1/search/suggest": (200, 200, 200, 200),
    "POST /api/v1/uploads/images": (401, 415, 415, 415),
    "POST /api/v1/uploads/videos": (401, 403, 403, 400),
    "DELETE /api/v1/uploads/videos/<uuid:video_id>": (401, 404, 404, 204),
    "GET /api/v1/uploads/videos/<uuid:video_id>": (401, 404, 404, 200),
    "PATCH /api/v1/uploads/videos/<uuid:video_id>": (401, 400, 400, 400),
    "GET /api/v1/users/<uuid:user_id>/products": (200, 200, 200, 200),
}


def make_rows(people: People) -> dict[str, Any]:
    """Create a product and a video of the seller."""
    product = make_product(seller=people.seller)
    video = make_video(owner=people.seller)
    return {"product_id": product.pk, "video_id": video.pk, "user_id": people.seller.pk, "slug": "sneakers"}
