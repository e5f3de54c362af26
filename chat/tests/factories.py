"""Factories of conversations and messages."""

from typing import Any, cast
from uuid import uuid4

from accounts.models import User
from accounts.tests.factories import make_seller, make_user
from chat.models import Conversation, Message
from chat.rooms import conversation_room
from chat.services import post_message
from listings.models import Product
from soukloop.core.redis.client import redis_client
from soukloop.realtime import attention
from soukloop.realtime.keys import ONLINE_USERS
from soukloop.realtime.sessions import Connection, Session, SocketUser


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


def session_of(person: User) -> Session:
    """Return a session as of an open connection of this person."""
    user = SocketUser(person.pk, person.username, None, person.token_version, person)
    return Session(uuid4().hex, user, cast(Connection, None))


def look_at(conversation: Conversation, person: User) -> Session:
    """Record that a person has the conversation open, and return the session."""
    session = session_of(person)
    attention.enter(session, conversation_room(conversation.pk))
    return session


def field_names(shape: Any) -> set[str]:
    """Return the names of a shape's fields."""
    return set(shape().fields)
