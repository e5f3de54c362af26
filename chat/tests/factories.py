"""Conversations for tests."""

from typing import Any

from accounts.models import User
from accounts.tests.factories import make_seller, make_user
from chat.models import Conversation, Message
from chat.services import post_message
from listings.models import Product


def make_conversation(
    buyer: User | None = None, seller: User | None = None, product: Product | None = None
) -> Conversation:
    """Save a conversation between two people, new ones where none are given; its product's seller sells."""
    if seller is None:
        seller = product.seller if product else make_seller()
    return Conversation.objects.create(buyer=buyer or make_user(), seller=seller, product=product)


def make_message(conversation: Conversation, sender: User | None = None, **overrides: Any) -> Message:
    """Post a message through the service, by the buyer where nobody is named."""
    fields: dict[str, Any] = {"content": "Hello"} | overrides
    return post_message(conversation=conversation, sender=sender or conversation.buyer, **fields)
