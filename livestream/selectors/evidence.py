"""Reads of recorded videos that show what somebody bought, for disputes."""

from typing import Any
from uuid import UUID

from livestream.models import Clip, ProductTag, Replay, Stream
from livestream.selectors.playback import is_video_withdrawn, media_addresses
from orders.models import Order

_STREAMS_MAX = 3


def videos_showing(order: Order, viewer_id: UUID) -> list[dict[str, Any]]:
    """Return the replays and clips of streams that showed an order's product, as `StreamEvidenceOutput`.

    Those of the stream it was bought in come first. Of its clips only those in which the product was tagged,
    or all if it never was.
    """
    streams = list(
        Stream.objects.filter(stream_products__product=order.product_id)
        .select_related("replay")
        .order_by("-started_at")[:_STREAMS_MAX]
    )
    streams.sort(key=lambda stream: stream.pk != order.transaction.stream_id)
    return [video for stream in streams for video in _videos_of(stream, order, viewer_id)]


def _videos_of(stream: Stream, order: Order, viewer_id: UUID) -> list[dict[str, Any]]:
    replay = getattr(stream, "replay", None)
    addresses = media_addresses(stream, viewer_id)
    if replay is None or addresses is None or is_video_withdrawn(stream):
        return []
    tags = ProductTag.objects.filter(
        stream_product__stream=stream, stream_product__product=order.product_id
    ).order_by("timestamp_seconds")
    shown_at = list(tags.values_list("timestamp_seconds", flat=True))
    whole: dict[str, Any] = {
        "stream_id": stream.pk,
        "clip_id": None,
        "title": stream.title,
        "start_seconds": shown_at[0] if shown_at else 0,
        "mp4_url": addresses.mp4,
        "poster_url": addresses.poster if replay.has_poster else None,
    }
    clips = Clip.objects.filter(stream=stream, state=Clip.State.READY).order_by("start_seconds", "pk")
    return [whole] * (replay.state == Replay.State.READY) + [
        {
            "stream_id": stream.pk,
            "clip_id": clip.pk,
            "title": clip.title or stream.title,
            "start_seconds": clip.start_seconds,
            "mp4_url": addresses.clip(clip.pk),
            "poster_url": addresses.clip_poster(clip.pk),
        }
        for clip in clips
        if not shown_at or any(clip.start_seconds <= second <= clip.end_seconds for second in shown_at)
    ]
