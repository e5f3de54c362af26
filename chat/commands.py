"""Socket commands of conversations (contract 3.4, 3.5)."""

from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from chat import services, typing
from chat.access import conversation_of, writable_recipient
from chat.events import (
    CONVERSATION_JOINED,
    DELETED_EXAMPLE,
    EDITED_EXAMPLE,
    MESSAGE_EXAMPLE,
    MessageDeletedOutput,
    MessageNewOutput,
    message_deleted_payload,
    message_payload,
)
from chat.models import Message
from chat.rooms import CONVERSATION_ROOMS, conversation_room
from chat.selectors import messages_of
from chat.serializers import MessageEditInput, MessageInput, ReadInput
from chat.typing import TypingIndicator
from soukloop.core.http.fields import IdField
from soukloop.realtime.commands import command
from soukloop.realtime.sessions import Session

_EXAMPLE = {"conversation_id": MESSAGE_EXAMPLE["conversationId"]}


class ConversationCommand(serializers.Serializer[None]):
    conversation_id = IdField()


class JoinCommand(ConversationCommand):
    after_seq = serializers.IntegerField(
        min_value=0, max_value=2**53, required=False, allow_null=True, default=None
    )


class SendCommand(ConversationCommand, MessageInput):
    pass


class MessageCommand(ConversationCommand):
    message_id = IdField()


class EditCommand(MessageCommand, MessageEditInput):
    pass


class ReadCommand(ConversationCommand, ReadInput):
    pass


class ConversationLastSeqOutput(serializers.Serializer[None]):
    conversationId = serializers.UUIDField()
    lastSeq = serializers.IntegerField(min_value=0)


class ConversationReadOutput(serializers.Serializer[None]):
    conversationId = serializers.UUIDField()
    upToSeq = serializers.IntegerField(min_value=0)
    unreadCount = serializers.IntegerField(min_value=0)


@command(
    "conversation:join",
    input=JoinCommand,
    ack=ConversationLastSeqOutput,
    example=_EXAMPLE | {"after_seq": 1},
    ack_example={"conversationId": _EXAMPLE["conversation_id"], "lastSeq": 2},
)
def join(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Open a conversation: its messages are marked as read, and `conversation:joined` has the missed ones."""
    conversation_id = data["conversation_id"]
    conversation_of(session.user, conversation_id)
    session.join(conversation_room(conversation_id))
    conversation = services.mark_read(actor=session.user, conversation_id=conversation_id)
    messages: list[Message] = []
    has_more = False
    if data["after_seq"] is not None:
        messages, has_more = messages_of(
            conversation, before_seq=None, after_seq=data["after_seq"], limit=settings.CATCH_UP_MAX
        )
    joined = {
        "conversationId": conversation_id,
        "lastSeq": conversation.last_seq,
        "messages": [] if has_more else [message_payload(message) for message in messages],
        "resync": has_more,
    }
    session.emit(CONVERSATION_JOINED.name, joined)
    return {"conversationId": conversation_id, "lastSeq": conversation.last_seq}


@command("conversation:leave", input=ConversationCommand, example=_EXAMPLE)
def leave(session: Session, data: dict[str, Any]) -> None:
    """Close a conversation; your typing indicator ends. You still get `message:new` for it."""
    session.leave(conversation_room(data["conversation_id"]))


@command(
    "message:send",
    input=SendCommand,
    ack=MessageNewOutput,
    rate_scope="message_send",
    example=_EXAMPLE
    | {"message_type": "text", "content": MESSAGE_EXAMPLE["content"], "client_message_id": "phone-17"},
    ack_example=MESSAGE_EXAMPLE,
)
def send(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Send a text, or the URL of your own upload. The message is committed before it is acknowledged.

    If there is no acknowledgement, send it again with the same `client_message_id`: it is stored only once.
    """
    return message_payload(services.send_message(actor=session.user, **data))


@command(
    "message:edit",
    input=EditCommand,
    ack=MessageNewOutput,
    rate_scope="message_send",
    example=_EXAMPLE | {"message_id": MESSAGE_EXAMPLE["messageId"], "content": EDITED_EXAMPLE["content"]},
    ack_example=EDITED_EXAMPLE,
)
def edit(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Replace a text that you sent, while it is new; both people get `message:edited`."""
    return message_payload(services.edit_message(actor=session.user, **data))


@command(
    "message:delete",
    input=MessageCommand,
    ack=MessageDeletedOutput,
    rate_scope="message_send",
    example=_EXAMPLE | {"message_id": MESSAGE_EXAMPLE["messageId"]},
    ack_example=DELETED_EXAMPLE,
)
def delete(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Delete a text or picture that you sent, while it is new; both people get `message:deleted`."""
    return message_deleted_payload(services.delete_message(actor=session.user, **data))


@command(
    "message:read",
    input=ReadCommand,
    ack=ConversationReadOutput,
    example=_EXAMPLE | {"up_to_seq": 2},
    ack_example={"conversationId": _EXAMPLE["conversation_id"], "upToSeq": 2, "unreadCount": 0},
)
def read(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Mark messages as read, up to `up_to_seq` or to the end; both people get `messages:read`."""
    conversation = services.mark_read(actor=session.user, **data)
    return {
        "conversationId": conversation.pk,
        "upToSeq": conversation.read_seq_of(session.user_id),
        "unreadCount": conversation.unread_count_of(session.user_id),
    }


@command("typing:start", input=ConversationCommand, rate_scope="typing", example=_EXAMPLE)
def typing_start(session: Session, data: dict[str, Any]) -> None:
    """Show that you are typing. The indicator lasts 5 seconds, so repeat the command while the user types."""
    indicator = _indicator(session, data["conversation_id"])
    # Joined, so that the indicator ends with the connection.
    session.join(conversation_room(indicator.conversation_id))
    session.state.setdefault("typing", {})[conversation_room(indicator.conversation_id)] = indicator
    typing.start(indicator)


@command("typing:stop", input=ConversationCommand, rate_scope="typing", example=_EXAMPLE)
def typing_stop(session: Session, data: dict[str, Any]) -> None:
    """Show that you stopped typing."""
    indicator = _indicator(session, data["conversation_id"])
    session.state.get("typing", {}).pop(conversation_room(indicator.conversation_id), None)
    typing.stop(indicator)


@CONVERSATION_ROOMS.left.register
def stop_typing(session: Session, room: str) -> None:
    indicator = session.state.get("typing", {}).pop(room, None)
    if indicator is not None:
        typing.stop(indicator)


def _indicator(session: Session, conversation_id: UUID) -> TypingIndicator:
    return TypingIndicator(
        conversation_id=conversation_id,
        user_id=session.user_id,
        username=session.user.username,
        other_id=writable_recipient(session.user, conversation_id),
    )
