"""Events of conversations, sent to the user rooms of the two people.

A person's connections are all in their user room, whether or not they have joined the conversation, so that
each gets an event exactly once.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from chat.models import Conversation, Message
from chat.serializers import MessageDataOutput
from soukloop.core import jsonlib
from soukloop.core.images import CamelPictureOutput, picture, picture_payload
from soukloop.realtime.events import EventSpec, declare_event, publish, publish_on_commit
from soukloop.realtime.rooms import user_room

_CONVERSATION = "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"
_MESSAGE = "5f0c2c55-1f5e-4a3c-8f4b-0d9f8a1f6f10"
_USER = "c1a2f4de-52b5-4f4b-9d3e-6a3c1f1b2c3d"

MESSAGE_EXAMPLE = {
    "messageId": _MESSAGE,
    "conversationId": _CONVERSATION,
    "seq": 2,
    "userId": _USER,
    "username": "testseller",
    "content": "Yes! It's available. Would you like to see more photos?",
    "messageType": "text",
    "image": None,
    "data": {},
    "clientMessageId": "phone-17",
    "timestamp": "2025-10-18T10:05:00Z",
    "editedAt": None,
    "deletedAt": None,
}
DELETED_EXAMPLE = {
    "messageId": _MESSAGE,
    "conversationId": _CONVERSATION,
    "seq": 2,
    "deletedAt": "2025-10-18T10:07:00Z",
}
EDITED_EXAMPLE = MESSAGE_EXAMPLE | {
    "content": "Yes! It's available. Shall I send more photos?",
    "editedAt": "2025-10-18T10:06:00Z",
}


class MessageNewOutput(serializers.Serializer[None]):
    """One message, with the names of the contract's events."""

    messageId = serializers.UUIDField()
    conversationId = serializers.UUIDField()
    seq = serializers.IntegerField(min_value=1, help_text="From 1, without gaps")
    userId = serializers.UUIDField(allow_null=True, help_text="Null for messages of the platform")
    username = serializers.CharField(allow_null=True)
    content = serializers.CharField(
        allow_null=True, help_text="The text, or the URL of the image; null once the sender deleted it"
    )
    messageType = serializers.ChoiceField(choices=Message.Type.choices)
    data = MessageDataOutput()  # type: ignore[assignment]
    image = CamelPictureOutput(allow_null=True, help_text="Of a message of the type `image`")
    clientMessageId = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()
    editedAt = serializers.DateTimeField(allow_null=True)
    deletedAt = serializers.DateTimeField(allow_null=True)


class MessageHiddenOutput(serializers.Serializer[None]):
    messageId = serializers.UUIDField()
    conversationId = serializers.UUIDField()
    seq = serializers.IntegerField(min_value=1)


class MessageDeletedOutput(MessageHiddenOutput):
    deletedAt = serializers.DateTimeField()


class MessagesReadOutput(serializers.Serializer[None]):
    conversationId = serializers.UUIDField()
    userId = serializers.UUIDField()
    upToSeq = serializers.IntegerField(min_value=0)


class ConversationJoinedOutput(serializers.Serializer[None]):
    conversationId = serializers.UUIDField()
    lastSeq = serializers.IntegerField(min_value=0)
    messages = MessageNewOutput(many=True)
    resync = serializers.BooleanField()


class TypingInactiveOutput(serializers.Serializer[None]):
    conversationId = serializers.UUIDField()
    userId = serializers.UUIDField()
    username = serializers.CharField()


class TypingActiveOutput(TypingInactiveOutput):
    expiresIn = serializers.IntegerField(min_value=1, help_text="Seconds")


MESSAGE_NEW = declare_event(
    EventSpec(
        name="message:new",
        doc="A message was sent in one of your conversations; the sender's connections get it too. `userId`"
        " and `username` are null for messages of the platform.",
        output=MessageNewOutput,
        example=MESSAGE_EXAMPLE,
        rooms=("user",),
    )
)
MESSAGE_EDITED = declare_event(
    EventSpec(
        name="message:edited",
        doc="The sender replaced the text of a message. Of two versions of a message, the one with the later"
        " `editedAt` is the newer. After an interruption, `GET …/messages?changed_after=…` has those that"
        " were edited or deleted meanwhile.",
        output=MessageNewOutput,
        example=EDITED_EXAMPLE,
        rooms=("user",),
    )
)
MESSAGE_DELETED = declare_event(
    EventSpec(
        name="message:deleted",
        doc="The sender deleted a message: its content is removed, and its `seq` is not used again. The other"
        " person has one unread message less if it was unread.",
        output=MessageDeletedOutput,
        example=DELETED_EXAMPLE,
        rooms=("user",),
    )
)
MESSAGE_HIDDEN = declare_event(
    EventSpec(
        name="message:hidden",
        doc="Staff hid a message: its content is removed, and its `seq` is not used again.",
        output=MessageHiddenOutput,
        example={"messageId": _MESSAGE, "conversationId": _CONVERSATION, "seq": 2},
        rooms=("user",),
    )
)
MESSAGES_READ = declare_event(
    EventSpec(
        name="messages:read",
        doc="`userId` has read everything up to and including `upToSeq`; their other devices get it too.",
        output=MessagesReadOutput,
        example={"conversationId": _CONVERSATION, "userId": _USER, "upToSeq": 2},
        rooms=("user",),
    )
)
CONVERSATION_JOINED = declare_event(
    EventSpec(
        name="conversation:joined",
        doc="You have joined. `messages` are those after your `after_seq`. If there are too many, the list is"
        " empty and `resync` is true: read them over REST.",
        output=ConversationJoinedOutput,
        example={
            "conversationId": _CONVERSATION,
            "lastSeq": 2,
            "messages": [MESSAGE_EXAMPLE],
            "resync": False,
        },
        rooms=(),
    )
)
TYPING_ACTIVE = declare_event(
    EventSpec(
        name="typing:active",
        doc="The other person is typing, for `expiresIn` seconds unless the event is repeated.",
        output=TypingActiveOutput,
        example={
            "conversationId": _CONVERSATION,
            "userId": _USER,
            "username": "testseller",
            "expiresIn": 5,
        },
        rooms=("user",),
        ephemeral=True,
    )
)
TYPING_INACTIVE = declare_event(
    EventSpec(
        name="typing:inactive",
        doc="The other person stopped typing, left, or sent nothing for 5 seconds.",
        output=TypingInactiveOutput,
        example={"conversationId": _CONVERSATION, "userId": _USER, "username": "testseller"},
        rooms=("user",),
        ephemeral=True,
    )
)


def message_payload(message: Message) -> dict[str, Any]:
    """Return the payload of `message:new`; the message's sender must be loaded."""
    return {
        "messageId": message.pk,
        "conversationId": message.conversation_id,
        "seq": message.seq,
        "userId": message.sender_id,
        "username": message.sender.username if message.sender else None,
        "content": message.shown_content,
        "messageType": message.message_type,
        "image": picture_payload(picture(message.shown_picture)),
        "data": message.shown_data,
        "clientMessageId": message.client_message_id,
        "timestamp": jsonlib.isoformat(message.created_at),
        "editedAt": jsonlib.isoformat(message.edited_at) if message.edited_at else None,
        "deletedAt": jsonlib.isoformat(message.deleted_at) if message.deleted_at else None,
    }


def message_deleted_payload(message: Message) -> dict[str, Any]:
    """Return the payload of `message:deleted`."""
    return {
        "messageId": message.pk,
        "conversationId": message.conversation_id,
        "seq": message.seq,
        "deletedAt": jsonlib.isoformat(message.deleted_at) if message.deleted_at else None,
    }


def publish_message_edited(message: Message, people: tuple[UUID, UUID]) -> None:
    _publish_to_users(people, MESSAGE_EDITED.name, message_payload(message))


def publish_message_deleted(message: Message, people: tuple[UUID, UUID]) -> None:
    _publish_to_users(people, MESSAGE_DELETED.name, message_deleted_payload(message))


def publish_message_new(message: Message, people: tuple[UUID, UUID]) -> None:
    _publish_to_users(people, MESSAGE_NEW.name, message_payload(message))


def publish_message_hidden(message: Message, people: tuple[UUID, UUID]) -> None:
    data = {"messageId": message.pk, "conversationId": message.conversation_id, "seq": message.seq}
    _publish_to_users(people, MESSAGE_HIDDEN.name, data)


def publish_messages_read(conversation: Conversation, user_id: UUID, *, is_shown_to_other: bool) -> None:
    data = {
        "conversationId": conversation.pk,
        "userId": user_id,
        "upToSeq": conversation.read_seq_of(user_id),
    }
    others = (conversation.other_id(user_id),) if is_shown_to_other else ()
    _publish_to_users((user_id, *others), MESSAGES_READ.name, data)


def publish_typing_active(conversation_id: UUID, user_id: UUID, username: str, other_id: UUID) -> None:
    data = {
        "conversationId": conversation_id,
        "userId": user_id,
        "username": username,
        "expiresIn": int(settings.TYPING_TTL.total_seconds()),
    }
    publish(user_room(other_id), TYPING_ACTIVE.name, data)


def publish_typing_inactive(conversation_id: UUID, user_id: UUID, username: str, other_id: UUID) -> None:
    data = {"conversationId": conversation_id, "userId": user_id, "username": username}
    publish(user_room(other_id), TYPING_INACTIVE.name, data)


def _publish_to_users(people: tuple[UUID, ...], event: str, data: dict[str, Any]) -> None:
    for user_id in people:
        publish_on_commit(user_room(user_id), event, data)
