"""Reads of a stream's encoder: whether it is connected, and what it sends."""

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Exists, OuterRef
from redis.exceptions import RedisError

from livestream import keys
from livestream.models import PublisherConnection, Stream
from soukloop.core.db.clock import database_now
from soukloop.core.redis.client import redis_client

_SILENT_AFTER = timedelta(seconds=3)


class BroadcastState(NamedTuple):
    """The encoder of a stream.

    `has_encoder`: whether one is connected.
    `has_picture`: whether one is connected whose first segment can be fetched.
    `reconnect_by`: when the stream ends unless the lost encoder reconnects.
    `refusal`: the code of the reason why the last encoder was disconnected, or an empty string.
    """

    has_encoder: bool
    has_picture: bool
    reconnect_by: datetime | None
    refusal: str


def broadcast_state(stream: Stream) -> BroadcastState:
    last: PublisherConnection | None = stream.publisher_connections.order_by("-connected_at").first()
    if last is None or not stream.is_live:
        return BroadcastState(False, False, None, "")
    if last.lost_at is not None:
        return BroadcastState(False, False, last.lost_at + settings.STREAM_RECONNECT_WINDOW, last.refusal)
    return BroadcastState(True, last.first_segment_at is not None, None, last.refusal)


def is_encoder_silent(stream: Stream) -> bool:
    """Return whether an encoder has been connected for some seconds, and viewers have got nothing of it."""
    return stream.publisher_connections.filter(
        lost_at=None, first_segment_at=None, connected_at__lt=database_now() - _SILENT_AFTER
    ).exists()


def silent_streams() -> list[Stream]:
    """Return the live streams of which `is_encoder_silent` is true, with their sellers."""
    connections = PublisherConnection.objects.filter(
        stream=OuterRef("pk"),
        lost_at=None,
        first_segment_at=None,
        connected_at__lt=database_now() - _SILENT_AFTER,
    )
    return list(Stream.objects.live().filter(Exists(connections)).select_related("seller"))


def last_measurement(stream: Stream) -> dict[str, Any] | None:
    """Return what `services.health.report_health` stored in the last seconds, or None."""
    try:
        found = redis_client().get(keys.stream_health(stream.pk))
    except RedisError:
        return None
    return json.loads(found) if found else None
