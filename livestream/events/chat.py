"""The events of a stream's chat and reactions."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from livestream.events.examples import EXAMPLE_STREAM_ID, EXAMPLE_USER_ID
from livestream.models import ChatMessage, Stream
from livestream.rooms import stream_room
from livestream.selectors.chat import chat_payload
from livestream.serializers.chat import ChatMessageOutput, ChatRulesOutput, chat_rules_body
from soukloop.realtime.events import EventSpec, Merge, declare_event, publish, publish_on_commit
from soukloop.realtime.rooms import user_room


class ChatDeletedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    messageId = serializers.UUIDField()
    seq = serializers.IntegerField(min_value=1)


class ChatMutedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    muted = serializers.BooleanField()


class ChatModeratorOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    isModerator = serializers.BooleanField()


class ReactionOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    emoji = serializers.ChoiceField(choices=settings.STREAM_REACTIONS)
    userId = serializers.UUIDField(help_text="The last person who sent one")
    count = serializers.IntegerField(min_value=1)


def _combine_by_emoji(waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts: Counter[str] = Counter()
    last: dict[str, dict[str, Any]] = {}
    for reaction in waiting:
        counts[reaction["emoji"]] += reaction["count"]
        last[reaction["emoji"]] = reaction
    return [last[emoji] | {"count": count} for emoji, count in counts.items()]


CHAT_MESSAGE = declare_event(
    EventSpec(
        name="chat:message",
        doc="A message in a stream's chat. Numbers (`seq`) are given without gaps, and a deleted message"
        " keeps its number, so some are missing from a history. Join with"
        " `after_seq` to get missed messages.",
        output=ChatMessageOutput,
        example={
            "messageId": "9a1de3d4-98c1-4b70-8dd3-0f9b1c0f2e44",
            "streamId": EXAMPLE_STREAM_ID,
            "seq": 456,
            "userId": EXAMPLE_USER_ID,
            "username": "testbuyer",
            "avatarUrl": None,
            "isHost": False,
            "isModerator": False,
            "message": "This is amazing! 🔥",
            "timestamp": "2025-10-18T10:12:31Z",
        },
        rooms=("stream",),
        for_guests=True,
    )
)
CHAT_DELETED = declare_event(
    EventSpec(
        name="chat:deleted",
        doc="A message in a stream's chat was deleted: remove it from the screen.",
        output=ChatDeletedOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "messageId": "9a1de3d4-98c1-4b70-8dd3-0f9b1c0f2e44",
            "seq": 456,
        },
        rooms=("stream",),
        for_guests=True,
    )
)
CHAT_SETTINGS = declare_event(
    EventSpec(
        name="chat:settings",
        doc="The host or a moderator changed the chat's rules.",
        output=ChatRulesOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "enableChat": True, "slowModeSeconds": 10},
        rooms=("stream",),
        for_guests=True,
    )
)
CHAT_MUTED = declare_event(
    EventSpec(
        name="chat:muted",
        doc="You were muted in this stream (`muted` is true) or unmuted (`muted` is false).",
        output=ChatMutedOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "muted": True},
        rooms=("user",),
    )
)
CHAT_MODERATOR = declare_event(
    EventSpec(
        name="chat:moderator",
        doc="The host made you a moderator of this stream (`isModerator` is true), or no longer one.",
        output=ChatModeratorOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "isModerator": True},
        rooms=("user",),
    )
)
REACTION_NEW = declare_event(
    EventSpec(
        name="reaction:new",
        doc="A reaction. Above 20 a second in a room, reactions are combined by emoji: `count` is their"
        " number, and `userId` the last person who sent one.",
        output=ReactionOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "emoji": "❤️", "userId": EXAMPLE_USER_ID, "count": 1},
        rooms=("stream",),
        for_guests=True,
        ephemeral=True,
        merge=Merge(per_second=20, combine=_combine_by_emoji),
    )
)


def publish_chat_message(message: ChatMessage) -> dict[str, Any]:
    """Publish a message to its stream's room on commit, and return the payload."""
    payload = chat_payload(message)
    publish_on_commit(stream_room(message.stream_id), CHAT_MESSAGE.name, payload)
    return payload


def publish_chat_deleted(message: ChatMessage) -> None:
    payload = {"streamId": message.stream_id, "messageId": message.pk, "seq": message.seq}
    publish_on_commit(stream_room(message.stream_id), CHAT_DELETED.name, payload)


def publish_chat_settings(stream: Stream) -> None:
    publish_on_commit(stream_room(stream.pk), CHAT_SETTINGS.name, chat_rules_body(stream))


def publish_chat_muted(stream: Stream, user_id: UUID, *, is_muted: bool) -> None:
    publish_on_commit(user_room(user_id), CHAT_MUTED.name, {"streamId": stream.pk, "muted": is_muted})


def publish_chat_moderator(stream_id: UUID, user_id: UUID, *, is_moderator: bool) -> None:
    payload = {"streamId": stream_id, "isModerator": is_moderator}
    publish_on_commit(user_room(user_id), CHAT_MODERATOR.name, payload)


def publish_reaction(stream_id: UUID, user_id: UUID, emoji: str) -> None:
    payload = {"streamId": stream_id, "emoji": emoji, "userId": user_id, "count": 1}
    publish(stream_room(stream_id), REACTION_NEW.name, payload)
