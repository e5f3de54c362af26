"""What a room shows: its chat, its viewers' stays."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest
from redis.exceptions import RedisError

from accounts.serializers.people import person_payload
from livestream import live_counts
from livestream.models import ChatMessage, Stream, ViewerSession
from soukloop.core import jsonlib


def chat_payload(message: ChatMessage) -> dict[str, Any]:
    """Return a message as everybody sees it; its user must be loaded."""
    payload = {
        "messageId": message.pk,
        "streamId": message.stream_id,
        "seq": message.seq,
        **person_payload(message.user),
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


@dataclass(frozen=True)
class History:
    """What somebody who comes in is shown, oldest first, and the last message there is."""

    messages: list[Any]
    last_seq: int
    is_too_long: bool = False


def history(stream: Stream, *, after_seq: int | None) -> History:
    """Return the last 100 messages, or those after one; too many of these are none at all."""
    if after_seq is None:
        return _last(stream)
    later = visible_messages(stream.pk).filter(seq__gt=after_seq).order_by("seq")
    missed = [chat_payload(message) for message in later[: settings.CATCH_UP_MAX + 1]]
    if len(missed) > settings.CATCH_UP_MAX:
        return History([], stream.last_chat_seq, is_too_long=True)
    return History(missed, max(stream.last_chat_seq, missed[-1]["seq"] if missed else 0))


def _last(stream: Stream) -> History:
    """Read Redis' list where it is whole: in a rush thousands come in, and each of them reads this."""
    if not stream.last_chat_seq:
        return History([], 0)
    try:
        kept = live_counts.last_messages(stream.pk)
        newest_seq = orjson.loads(kept[0])["seq"] if kept else 0
        if newest_seq >= stream.last_chat_seq and len(kept) >= min(
            settings.STREAM_CHAT_HISTORY, stream.chat_count
        ):
            return History([orjson.Fragment(message) for message in reversed(kept)], newest_seq)
        newest = newest_messages(stream.pk, settings.STREAM_CHAT_HISTORY)
        live_counts.refill_chat(stream.pk, [jsonlib.dumps(message) for message in newest])
    except RedisError:
        newest = newest_messages(stream.pk, settings.STREAM_CHAT_HISTORY)
    return History(newest[::-1], max(stream.last_chat_seq, newest[0]["seq"] if newest else 0))


def page_of_chat(
    stream: Stream, *, before_seq: int | None, after_seq: int | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Return up to `limit` messages in the order they were said, and whether there are more that way.

    After `after_seq` the next ones; otherwise the latest, before `before_seq` where it is given.
    """
    messages = visible_messages(stream.pk)
    if before_seq is not None:
        messages = messages.filter(seq__lt=before_seq)
    if after_seq is not None:
        rows = list(messages.filter(seq__gt=after_seq).order_by("seq")[: limit + 1])
        return [chat_payload(message) for message in rows[:limit]], len(rows) > limit
    rows = list(messages.order_by("-seq")[: limit + 1])
    return [chat_payload(message) for message in rows[:limit][::-1]], len(rows) > limit


def people_there(stream_id: UUID) -> int:
    """Return how many people have an open stay, whether or not anybody vouches for them."""
    return ViewerSession.objects.filter(stream=stream_id, left_at=None).aggregate(
        people=Count("user", distinct=True)
    )["people"]


def open_in_ended_streams() -> QuerySet[ViewerSession]:
    return ViewerSession.objects.filter(Q(left_at=None) & Q(stream__status=Stream.Status.ENDED))


def end_of_stream() -> Greatest:
    """Return the end of a stay's stream, as an expression; a stay never ends before it began."""
    ended = Subquery(Stream.objects.filter(pk=OuterRef("stream")).values("ended_at")[:1])
    return Greatest(ended, F("joined_at"))
