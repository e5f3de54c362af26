"""The expected statuses of the routes of chat, for `soukloop/tests/test_permissions.py`."""

from typing import Any

from chat.services import open_conversation, post_message
from listings.tests.factories import make_product
from soukloop.tests.people import People

# A visitor, a stranger, the buyer, the seller.
STATUSES = {
    "GET /api/v1/conversations": (401, 200, 200, 200),
    "POST /api/v1/conversations": (401, 400, 400, 400),
    "GET /api/v1/conversations/<uuid:conversation_id>": (401, 404, 200, 200),
    "POST /api/v1/conversations/<uuid:conversation_id>/archive": (401, 404, 200, 200),
    "POST /api/v1/conversations/<uuid:conversation_id>/images": (401, 415, 415, 415),
    "GET /api/v1/conversations/<uuid:conversation_id>/messages": (401, 404, 200, 200),
    "POST /api/v1/conversations/<uuid:conversation_id>/messages": (401, 404, 201, 201),
    "DELETE /api/v1/conversations/<uuid:conversation_id>/messages/<uuid:message_id>": (401, 404, 403, 200),
    "PATCH /api/v1/conversations/<uuid:conversation_id>/messages/<uuid:message_id>": (401, 404, 403, 200),
    "POST /api/v1/conversations/<uuid:conversation_id>/read": (401, 404, 200, 200),
    "POST /api/v1/conversations/<uuid:conversation_id>/unarchive": (401, 404, 200, 200),
    "GET /api/v1/conversations/unread-count": (401, 200, 200, 200),
}
BODIES = {
    "PATCH /api/v1/conversations/<uuid:conversation_id>/messages/<uuid:message_id>": '{"content": "Salam"}',
    "POST /api/v1/conversations/<uuid:conversation_id>/messages": '{"content": "Salam"}',
}


def make_rows(people: People) -> dict[str, Any]:
    """Make a conversation of the buyer with the seller, who has written a message."""
    product = make_product(seller=people.seller)
    conversation, _ = open_conversation(
        actor=people.buyer, other_user_id=people.seller.pk, product_id=product.pk
    )
    message = post_message(conversation=conversation, sender=people.seller, content="Hello")
    return {"conversation_id": conversation.pk, "message_id": message.pk}
