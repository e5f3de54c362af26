"""Reads of a stream's chat, and the shape of its messages."""

from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import QuerySet
from redis.exceptions import RedisError

from accounts.serializers.people import person_payload
from livestream import live_counts
from livestream.models import ChatMessage, Stream
from soukloop.core import jsonlib


def chat_payload(message: ChatMessage) -> dict[str, Any]:
    """Return a message as clients receive it; its user must be loaded."""
    payload = {
        "messageId": message.pk,
        "streamId": message.stream_id,
        "seq": message.seq,
        **person_payload(message.user),
        "isHost": message.author_role == ChatMessage.AuthorRole.HOST,
        "isModerator": message.author_role == ChatMessage.AuthorRole.MODERATOR,
        "message": message.message,
        "timestamp": jsonlib.isoformat(message.created_at),
    }
    if message.client_message_id:
        payload["clientMessageId"] = message.client_message_id
    return payload


def visible_messages(stream_id: UUID) -> QuerySet[ChatMessage]:
    """Return a stream's messages that aren't deleted, with their users."""
    return ChatMessage.objects.filter(stream=stream_id, deleted_at=None).select_related("user")


def newest_messages(stream_id: UUID, count: int) -> list[dict[str, Any]]:
    """Return the last messages, newest first."""
    return [chat_payload(message) for message in visible_messages(stream_id).order_by("-seq")[:count]]


class ChatHistory(NamedTuple):
    """The messages sent to a person who joins, oldest first, and the seq of the stream's newest message."""

    messages: list[Any]
    last_seq: int
    needs_resync: bool = False
    """Whether more than CATCH_UP_MAX messages were missed: then none are sent, and clients read over REST."""


def chat_history(stream: Stream, *, after_seq: int | None) -> ChatHistory:
    """Return the last STREAM_CHAT_HISTORY messages, or those after a seq."""
    if after_seq is None:
        return _latest(stream)
    later = visible_messages(stream.pk).filter(seq__gt=after_seq).order_by("seq")
    missed = [chat_payload(message) for message in later[: settings.CATCH_UP_MAX + 1]]
    if len(missed) > settings.CATCH_UP_MAX:
        return ChatHistory([], stream.last_chat_seq, needs_resync=True)
    return ChatHistory(missed, max(stream.last_chat_seq, missed[-1]["seq"] if missed else 0))


def _latest(stream: Stream) -> ChatHistory:
    """Read the latest chat from Redis if it is complete there, because thousands may join at once."""
    if not stream.last_chat_seq:
        return ChatHistory([], 0)
    try:
        cached = live_counts.latest_chat(stream.pk)
        newest_seq = orjson.loads(cached[0])["seq"] if cached else 0
        is_whole = len(cached) >= min(settings.STREAM_CHAT_HISTORY, stream.chat_count)
        # Those that an earlier version stored don't have all fields.
        if newest_seq >= stream.last_chat_seq and is_whole and b'"isHost"' in cached[-1]:
            return ChatHistory([orjson.Fragment(message) for message in reversed(cached)], newest_seq)
        newest = newest_messages(stream.pk, settings.STREAM_CHAT_HISTORY)
        live_counts.replace_chat(stream.pk, [jsonlib.dumps(message) for message in newest])
    except RedisError:
        newest = newest_messages(stream.pk, settings.STREAM_CHAT_HISTORY)
    return ChatHistory(newest[::-1], max(stream.last_chat_seq, newest[0]["seq"] if newest else 0))


def chat_page(
    stream: Stream, *, before_seq: int | None, after_seq: int | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Return up to `limit` messages, oldest first, and whether there are more in the direction of reading.

    These are the first messages after `after_seq` or the last before `before_seq`; without both, the latest.
    """
    messages = visible_messages(stream.pk)
    if before_seq is not None:
        messages = messages.filter(seq__lt=before_seq)
    if after_seq is not None:
        rows = list(messages.filter(seq__gt=after_seq).order_by("seq")[: limit + 1])
        return [chat_payload(message) for message in rows[:limit]], len(rows) > limit
    rows = list(messages.order_by("-seq")[: limit + 1])
    return [chat_payload(message) for message in rows[:limit][::-1]], len(rows) > limit
