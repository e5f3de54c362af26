"""The expected statuses of the routes of livestream, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from django.utils import timezone

from listings.tests.factories import make_product
from livestream.models import ChatMessage, Clip
from livestream.tests.factories import make_stream
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/config": (200, 200, 200, 200),
    "GET /api/v1/home": (200, 200, 200, 200),
    "GET /api/v1/streams": (200, 200, 200, 200),
    "POST /api/v1/streams": (401, 403, 403, 400),
    "GET /api/v1/streams/<uuid:stream_id>": (200, 200, 200, 200),
    "GET /api/v1/streams/<uuid:stream_id>/analytics": (401, 403, 403, 200),
    "POST /api/v1/streams/<uuid:stream_id>/cancel": (401, 403, 403, 200),
    "GET /api/v1/streams/<uuid:stream_id>/chat": (200, 200, 200, 200),
    "PATCH /api/v1/streams/<uuid:stream_id>/chat": (401, 403, 403, 200),
    "DELETE /api/v1/streams/<uuid:stream_id>/chat/<uuid:message_id>": (401, 403, 409, 409),
    "GET /api/v1/streams/<uuid:stream_id>/clips": (200, 200, 200, 200),
    "POST /api/v1/streams/<uuid:stream_id>/clips": (401, 403, 403, 409),
    "DELETE /api/v1/streams/<uuid:stream_id>/clips/<uuid:clip_id>": (401, 403, 403, 204),
    "GET /api/v1/streams/<uuid:stream_id>/clips/<uuid:clip_id>": (404, 404, 404, 200),
    "POST /api/v1/streams/<uuid:stream_id>/end": (401, 403, 403, 409),
    "POST /api/v1/streams/<uuid:stream_id>/go-live": (401, 403, 403, 200),
    "GET /api/v1/streams/<uuid:stream_id>/health": (401, 403, 403, 200),
    "POST /api/v1/streams/<uuid:stream_id>/moderators": (401, 400, 400, 400),
    "DELETE /api/v1/streams/<uuid:stream_id>/moderators/<uuid:user_id>": (401, 403, 403, 204),
    "POST /api/v1/streams/<uuid:stream_id>/mutes": (401, 400, 400, 400),
    "DELETE /api/v1/streams/<uuid:stream_id>/mutes/<uuid:user_id>": (401, 403, 403, 204),
    "DELETE /api/v1/streams/<uuid:stream_id>/products/<uuid:product_id>": (401, 403, 403, 204),
    "POST /api/v1/streams/<uuid:stream_id>/products/<uuid:product_id>": (401, 403, 403, 201),
    "POST /api/v1/streams/<uuid:stream_id>/products/<uuid:product_id>/click": (401, 409, 409, 409),
    "POST /api/v1/streams/<uuid:stream_id>/products/<uuid:product_id>/tag": (401, 403, 403, 409),
    "GET /api/v1/streams/<uuid:stream_id>/replay": (404, 404, 404, 404),
    "POST /api/v1/streams/<uuid:stream_id>/rotate-key": (401, 403, 403, 409),
    "PATCH /api/v1/streams/<uuid:stream_id>/settings": (401, 403, 403, 200),
    "GET /api/v1/streams/live": (200, 200, 200, 200),
}
BODIES = {
    "PATCH /api/v1/streams/<uuid:stream_id>/chat": '{"slow_mode_seconds": 0}',
    "PATCH /api/v1/streams/<uuid:stream_id>/settings": '{"audience": "followers"}',
    "POST /api/v1/streams/<uuid:stream_id>/clips": '{"start_seconds": 0, "end_seconds": 10}',
    "POST /api/v1/streams/<uuid:stream_id>/go-live": '{"camera_ready": true, "checklist_complete": true}',
    "POST /api/v1/streams/<uuid:stream_id>/products/<uuid:product_id>/tag": (
        '{"x": 0.5, "y": 0.5, "timestamp_seconds": 1}'
    ),
}


def make_rows(people: People) -> dict[str, Any]:
    """Create a scheduled stream of the seller with a product, a message of the buyer and a clip."""
    product = make_product(seller=people.seller)
    stream = make_stream(seller=people.seller, products=[product])
    message = ChatMessage.objects.create(
        stream=stream, user=people.buyer, seq=1, message="Salam", created_at=timezone.now()
    )
    clip = Clip.objects.create(stream=stream, start_seconds=0, end_seconds=10)
    return {
        "stream_id": stream.pk,
        "product_id": product.pk,
        "message_id": message.pk,
        "clip_id": clip.pk,
        "user_id": people.buyer.pk,
    }
