"""Factories of conversations and messages."""

from typing import Any

from accounts.models import User
from accounts.tests.factories import make_seller, make_user
from chat.models import Conversation, Message
from chat.services import post_message
from listings.models import Product
from soukloop.core.redis.client import redis_client
from soukloop.realtime.keys import ONLINE_USERS


def make_conversation(
    buyer: User | None = None, seller: User | None = None, product: Product | None = None
) -> Conversation:
    """Save a conversation between two people, new ones where none are given; its product's seller sells."""
    if seller is None:
        seller = product.seller if product else make_seller()
    return Conversation.objects.create(buyer=buyer or make_user(), seller=seller, product=product)


def make_message(conversation: Conversation, sender: User | None = None, **overrides: Any) -> Message:
    """Post a message through the service, by default from the buyer."""
    fields: dict[str, Any] = {"content": "Hello"} | overrides
    return post_message(conversation=conversation, sender=sender or conversation.buyer, **fields)


def counts(conversation: Conversation) -> tuple[int, int]:
    """Return the unread counts of buyer and seller as they are stored."""
    conversation.refresh_from_db()
    return conversation.unread_count_buyer, conversation.unread_count_seller


def go_online(*people: Any) -> None:
    """Mark people as connected."""
    redis_client().sadd(ONLINE_USERS, *(str(person.pk) for person in people))


def field_names(shape: Any) -> set[str]:
    """Return the names of a shape's fields."""
    return set(shape().fields)
