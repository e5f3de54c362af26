"""Access to conversations, and the check that one user may write to another."""

from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from accounts.blocks import blocked_between_sql
from accounts.models import User
from chat.error_codes import ChatErrorCode
from chat.models import Conversation, Message
from soukloop.core.errors import Forbidden, NotFound


def conversation_of(user: User, conversation_id: UUID, lock: bool = False) -> Conversation:
    """Return one of the user's conversations; raises NotFound, also for other people's."""
    conversations = Conversation.objects.of(user.pk)
    if lock:
        conversations = conversations.select_for_update(of=("self",))
    conversation = conversations.filter(pk=conversation_id).first()
    if conversation is None:
        raise _conversation_not_found()
    return conversation


def own_message(user: User, conversation_id: UUID, message_id: UUID) -> Message:
    """Lock and return a message that the user sent in a conversation of theirs.

    Raises NotFound, and Forbidden for a message that somebody else sent.
    """
    messages = Message.objects.select_for_update(of=("self",)).select_related("sender")
    message = messages.filter(pk=message_id, conversation=conversation_id).first()
    if message is None:
        raise NotFound(_("Message not found."), code=ChatErrorCode.MESSAGE_NOT_FOUND)
    if message.sender_id != user.pk:
        raise Forbidden(
            _("You can change only messages that you sent."), code=ChatErrorCode.MESSAGE_NOT_YOURS
        )
    return message


def check_reachable(user: User, other_id: UUID) -> None:
    """Raise Forbidden, which gives no reason, if a block exists or the other account is closed."""
    if not is_reachable(user, other_id):
        raise _messaging_unavailable()


def is_reachable(user: User, other_id: UUID) -> bool:
    is_blocked = blocked_between_sql("%(user)s", "other.id")
    sql = f"SELECT FROM accounts_user AS other WHERE id = %(other)s AND is_active AND NOT {is_blocked}"
    with connection.cursor() as cursor:
        cursor.execute(sql, {"user": user.pk, "other": other_id})
        return cursor.fetchone() is not None


# `conversation_of` and `check_reachable` in one statement: every message needs both, and two ORM queries took
# a third of a message's time (bench/messages.py).
_WRITABLE_RECIPIENT = f"""
SELECT other.id, other.is_active AND NOT {blocked_between_sql("%(user)s", "other.id")}
FROM chat_conversation AS conversation
JOIN accounts_user AS other
    ON other.id IN (conversation.buyer_id, conversation.seller_id) AND other.id <> %(user)s
WHERE conversation.id = %(conversation)s AND %(user)s IN (conversation.buyer_id, conversation.seller_id)
"""  # noqa: S608 - no value of a client


def writable_recipient(user: User, conversation_id: UUID) -> UUID:
    """Return the id of the other person in a conversation, to whom the user may write.

    Raises NotFound, Forbidden.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WRITABLE_RECIPIENT, {"user": user.pk, "conversation": conversation_id})
        row = cursor.fetchone()
    if row is None:
        raise _conversation_not_found()
    other_id, is_open = row
    if not is_open:
        raise _messaging_unavailable()
    return UUID(str(other_id))


def _conversation_not_found() -> NotFound:
    return NotFound(_("Conversation not found."), code=ChatErrorCode.CONVERSATION_NOT_FOUND)


def _messaging_unavailable() -> Forbidden:
    return Forbidden(
        _("You cannot exchange messages with this person."), code=ChatErrorCode.MESSAGING_UNAVAILABLE
    )
