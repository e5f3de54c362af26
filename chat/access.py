"""The only door to a conversation, and to writing to somebody."""

from uuid import UUID

from django.db import connection

from accounts.blocks import blocked_between, blocked_between_sql
from accounts.models import User
from chat.models import Conversation
from soukloop.core.errors import Forbidden, NotFound


def conversation_of(user: User, conversation_id: UUID, lock: bool = False) -> Conversation:
    """Return a conversation that the user takes part in; raises NotFound, also for other people's."""
    conversations = Conversation.objects.of(user.pk)
    if lock:
        conversations = conversations.select_for_update(of=("self",))
    conversation = conversations.filter(pk=conversation_id).first()
    if conversation is None:
        raise _no_such_conversation()
    return conversation


def check_reachable(user: User, other_id: UUID) -> None:
    """Refuse to write to who is blocked or gone, in words that don't say which, nor by whom."""
    if not is_reachable(user, other_id):
        raise _unavailable()


def is_reachable(user: User, other_id: UUID) -> bool:
    people = User.objects.filter(pk=other_id, is_active=True).exclude(blocked_between(user.pk, "pk"))
    return people.exists()


# `conversation_of` and `check_reachable` as one plain statement, because every message asks both: as ORM
# queries they were a third of what a message cost (bench/messages.py).
_MAY_WRITE = f"""
SELECT other.id, other.is_active AND NOT {blocked_between_sql("%(user)s", "other.id")}
FROM chat_conversation AS conversation
JOIN accounts_user AS other
    ON other.id IN (conversation.buyer_id, conversation.seller_id) AND other.id <> %(user)s
WHERE conversation.id = %(conversation)s AND %(user)s IN (conversation.buyer_id, conversation.seller_id)
"""  # noqa: S608 - our own words


def may_write_to(user: User, conversation_id: UUID) -> UUID:
    """Return the other side of a conversation that the user may write in; raises NotFound, Forbidden."""
    with connection.cursor() as cursor:
        cursor.execute(_MAY_WRITE, {"user": user.pk, "conversation": conversation_id})
        row = cursor.fetchone()
    if row is None:
        raise _no_such_conversation()
    other_id, is_open = row
    if not is_open:
        raise _unavailable()
    return UUID(str(other_id))


def _no_such_conversation() -> NotFound:
    return NotFound("There is no such conversation.", code="conversation_not_found")


def _unavailable() -> Forbidden:
    return Forbidden("You can't exchange messages with this person.", code="messaging_unavailable")
