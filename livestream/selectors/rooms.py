"""What a room shows: its chat, its viewers' stays."""

from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest
from redis.exceptions import RedisError

from accounts.models import User
from livestream import live_counts
from livestream.models import ChatMessage, Stream, ViewerSession
from soukloop.core import jsonlib


def avatar_url(user: User) -> str | None:
    return default_storage.url(user.avatar) if user.avatar else None


def chat_payload(message: ChatMessage) -> dict[str, Any]:
    """Return a message as everybody sees it; its user must be loaded."""
    payload = {
        "messageId": message.pk,
        "streamId": message.stream_id,
        "seq": message.seq,
        "userId": message.user_id,
        "username": message.user.username,
        "avatarUrl": avatar_url(message.user),
        "message": message.message,
        "timestamp": jsonlib.isoformat(message.created_at),
    }
    if message.client_message_id:
        payload["clientMessageId"] = message.client_message_id
    return payload


def visible_messages(stream_id: UUID) -> QuerySet[ChatMessage]:
    return ChatMessage.objects.filter(stream=stream_id, deleted_at=None).select_related("user")


def newest_messages(stream_id: UUID, count: int) -> list[dict[str, Any]]:
    """Return the last messages, newest first."""
    return [chat_payload(message) for message in visible_messages(stream_id).order_by("-seq")[:count]]


def history(stream: Stream) -> list[Any]:
    """Return the last 100 messages, oldest first, ready for JSON.

    From Redis where its list is whole: a room of thousands fills in seconds, and each who comes reads this.
    """
    if not stream.last_chat_seq:
        return []
    whole = min(settings.STREAM_CHAT_HISTORY, stream.chat_count)
    try:
        kept = live_counts.last_messages(stream.pk)
        if len(kept) >= whole and kept and orjson.loads(kept[0])["seq"] >= stream.last_chat_seq:
            return [orjson.Fragment(message) for message in reversed(kept)]
        newest = newest_messages(stream.pk, settings.STREAM_CHAT_HISTORY)
        live_counts.refill_chat(stream.pk, [jsonlib.dumps(message) for message in newest])
    except RedisError:
        newest = newest_messages(stream.pk, settings.STREAM_CHAT_HISTORY)
    return newest[::-1]


def missed(stream: Stream, after_seq: int) -> list[dict[str, Any]] | None:
    """Return the messages after one, oldest first; None when they are more than CATCH_UP_MAX."""
    if stream.last_chat_seq - after_seq > settings.CATCH_UP_MAX:
        return None
    later = visible_messages(stream.pk).filter(seq__gt=after_seq).order_by("seq")
    return [chat_payload(message) for message in later[: settings.CATCH_UP_MAX]]


def open_in_ended_streams() -> QuerySet[ViewerSession]:
    return ViewerSession.objects.filter(Q(left_at=None) & Q(stream__status=Stream.Status.ENDED))


def end_of_stream() -> Greatest:
    """Return the end of a stay's stream, as an expression; a stay never ends before it began."""
    ended = Subquery(Stream.objects.filter(pk=OuterRef("stream")).values("ended_at")[:1])
    return Greatest(ended, F("joined_at"))
