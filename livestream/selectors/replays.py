"""Replays: the video, and what was said and shown, on the video's own clock."""

from datetime import datetime
from typing import Any

from django.conf import settings

from livestream.media import addresses
from livestream.models import ProductTag, Replay, Stream
from livestream.selectors.rooms import chat_payload, visible_messages


def replay_of(stream: Stream) -> Replay | None:
    return getattr(stream, "replay", None)


class MediaClock:
    """Turns a moment into seconds from the start of the replay.

    The replay has no gaps where the encoder was away: what happened then falls on the moment of the cut.
    """

    def __init__(self, parts: list[dict[str, float]]) -> None:
        self._parts = parts

    def at(self, moment: datetime) -> float:
        seconds, before = moment.timestamp(), 0.0
        for part in self._parts:
            into = seconds - part["startedAt"]
            if into < part["seconds"]:
                return round(before + max(0.0, into), 3)
            before += part["seconds"]
        return round(before, 3)


def replay_page(stream: Stream, replay: Replay, *, after_seq: int) -> dict[str, Any]:
    """Return a stream's replay with all its tags and up to CATCH_UP_MAX chat messages after `after_seq`."""
    is_ready = replay.state == Replay.State.READY
    clock = MediaClock(replay.parts)
    later = visible_messages(stream.pk).filter(seq__gt=after_seq).order_by("seq")
    messages = list(later[: settings.CATCH_UP_MAX + 1])
    public_id = stream.public_id
    return {
        "streamId": stream.pk,
        "state": replay.state,
        "progress": replay.progress,
        "vodUrl": addresses.vod_url(public_id) if is_ready else None,
        "mp4Url": addresses.mp4_url(public_id) if is_ready else None,
        "posterUrl": addresses.poster_url(public_id) if is_ready and replay.has_poster else None,
        "durationSeconds": replay.duration_seconds,
        "tags": _tags(stream, clock) if is_ready else [],
        "chat": [
            chat_payload(message) | {"atSeconds": clock.at(message.created_at)}
            for message in messages[: settings.CATCH_UP_MAX]
        ]
        if is_ready
        else [],
        "hasMoreChat": is_ready and len(messages) > settings.CATCH_UP_MAX,
    }


def _tags(stream: Stream, clock: MediaClock) -> list[dict[str, Any]]:
    tags = ProductTag.objects.filter(stream_product__stream=stream).select_related("stream_product__product")
    return [
        {
            "productId": tag.stream_product.product_id,
            "title": tag.stream_product.product.title,
            "x": tag.x,
            "y": tag.y,
            "atSeconds": clock.at(tag.created_at),
        }
        for tag in tags.order_by("created_at", "pk")
    ]
