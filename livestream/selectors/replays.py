"""Reads of replays: the video, with chat messages and product tags at their positions in it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext

from livestream.models import ProductTag, Replay, Stream
from livestream.selectors.chat import chat_payload, visible_messages
from livestream.selectors.playback import media_addresses


def replay_of(stream: Stream) -> Replay | None:
    return getattr(stream, "replay", None)


def expected_vod_url(stream: Stream, viewer_id: UUID | None) -> str | None:
    """Return the future URL of the replay of a stream that has just ended (contract 4.8).

    Even a stream whose encoder never connected gets one, because a recording may still be incomplete. Once
    the job has found that there is none, `vod_url` returns None. What staff ended has no replay, and neither
    has a closed account. Without a viewer, as in an event for a room, a followers-only stream has none.
    """
    withdrawing = (Stream.EndReason.STAFF, Stream.EndReason.ACCOUNT_CLOSED)
    if not stream.record_stream or stream.end_reason in withdrawing:
        return None
    addresses = media_addresses(stream, viewer_id)
    return addresses.vod if addresses else None


def vod_url(stream: Stream, viewer_id: UUID | None) -> str | None:
    """Return the URL of the replay that exists or is being made; None if there won't be one."""
    replay = replay_of(stream)
    if stream.status != Stream.Status.ENDED or replay is None:
        return None
    if replay.state in (Replay.State.EMPTY, Replay.State.FAILED, Replay.State.WITHDRAWN):
        return None
    addresses = media_addresses(stream, viewer_id)
    return addresses.vod if addresses else None


class ReplayClock:
    """Converts wall-clock time to a position in the replay.

    The video has no pause where the encoder was disconnected, so all of that time has the same position.
    """

    def __init__(self, parts: list[dict[str, float]]) -> None:
        self._parts = parts

    def position(self, moment: datetime) -> float:
        """Return the seconds from the start of the video."""
        position = 0.0
        for part in self._parts:
            since_part_started = moment.timestamp() - part["startedAt"]
            if since_part_started < part["seconds"]:
                return round(position + max(0.0, since_part_started), 3)
            position += part["seconds"]
        return round(position, 3)


def replay_page(stream: Stream, replay: Replay, *, viewer_id: UUID | None, after_seq: int) -> dict[str, Any]:
    """Return a stream's replay with all its tags and up to CATCH_UP_MAX chat messages after a seq."""
    is_ready = replay.state == Replay.State.READY
    clock = ReplayClock(replay.parts)
    later = visible_messages(stream.pk).filter(seq__gt=after_seq).order_by("seq")
    messages = list(later[: settings.CATCH_UP_MAX + 1])
    addresses = media_addresses(stream, viewer_id) if is_ready else None
    return {
        "streamId": stream.pk,
        "state": replay.state,
        "reason": replay.reason or None,
        "message": gettext(replay.get_reason_display()) if replay.reason else None,
        "progress": replay.progress,
        "vodUrl": addresses.vod if addresses else None,
        "mp4Url": addresses.mp4 if addresses else None,
        "posterUrl": addresses.poster if addresses and replay.has_poster else None,
        "durationSeconds": replay.duration_seconds,
        "tags": _tags(stream, clock) if is_ready else [],
        "chat": [
            chat_payload(message) | {"atSeconds": clock.position(message.created_at)}
            for message in messages[: settings.CATCH_UP_MAX]
        ]
        if is_ready
        else [],
        "hasMoreChat": is_ready and len(messages) > settings.CATCH_UP_MAX,
    }


def _tags(stream: Stream, clock: ReplayClock) -> list[dict[str, Any]]:
    tags = ProductTag.objects.filter(stream_product__stream=stream).select_related("stream_product__product")
    return [
        {
            "productId": tag.stream_product.product_id,
            "title": tag.stream_product.product.title,
            "x": tag.x,
            "y": tag.y,
            "atSeconds": clock.position(tag.created_at),
        }
        for tag in tags.order_by("created_at", "pk")
    ]
