"""What the packager reports of an encoder: its health, its first segment, a codec nobody could watch."""

import json
import logging
from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.utils import translation
from redis.exceptions import RedisError

from livestream import access, events, keys
from livestream.media.health import Health, HealthWarning
from livestream.models import Stream
from livestream.selectors.broadcasts import broadcast_state, silent_streams
from livestream.serializers.health import measurement_body, silence_body
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

MEASUREMENT_TTL_SECONDS = 15


def report_health(*, public_id: str, health: Health) -> None:
    """Keep a measurement for a few seconds, and send it to the seller's devices (`stream:health`)."""
    stream = Stream.objects.live().filter(public_id=public_id).select_related("seller").first()
    if stream is None:
        return
    if HealthWarning.NO_MEDIA in health.warnings and not broadcast_state(stream).has_encoder:
        return  # the encoder has disconnected, which `stream:interrupted` tells
    with translation.override(stream.seller.language):
        measurement = measurement_body(health)
    try:
        key = keys.stream_health(stream.pk)
        redis_client().set(key, json.dumps(measurement), ex=MEASUREMENT_TTL_SECONDS)
    except RedisError as error:
        logger.warning("a measurement of %s was not kept: %s", public_id, error)
    events.publish_stream_health(stream, {"streamId": stream.pk, **measurement})


def report_silent_encoders(*, measured: Collection[str]) -> None:
    """Tell the sellers whose encoders are connected and have sent nothing, so that there is no measurement.

    `measured` are the public ids of the streams that have one.
    """
    for stream in silent_streams():
        if stream.public_id not in measured:
            with translation.override(stream.seller.language):
                body = silence_body()
            events.publish_stream_health(stream, {"streamId": stream.pk, **body})


@transaction.atomic
def report_first_segment(*, public_id: str) -> None:
    """Record that viewers can fetch the first segment of the newest encoder, and tell the room.

    Reporting it again changes nothing.
    """
    stream = _lock_live_stream(public_id)
    if stream is None:
        return
    newest: Any = stream.publisher_connections.order_by("-connected_at").first()
    if newest is None or newest.first_segment_at is not None:
        return
    newest.first_segment_at = database_now()
    newest.save(update_fields=["first_segment_at"])
    if newest.lost_at is None:
        events.publish_stream_resumed(stream)


@transaction.atomic
def refuse_encoder(*, public_id: str, reason: str) -> None:
    """Disconnect an encoder whose video or sound nobody could watch; `reason` is a code of a warning."""
    stream = _lock_live_stream(public_id)
    if stream is None:
        return
    if stream.publisher_connections.filter(lost_at=None, refusal="").update(refusal=reason):
        logger.info("the encoder of %s is refused: %s", public_id, reason)
        enqueue("livestream.drop_publisher", public_id=public_id)


def _lock_live_stream(public_id: str) -> Stream | None:
    stream_id = Stream.objects.live().filter(public_id=public_id).values_list("pk", flat=True).first()
    if stream_id is None:
        return None
    stream = access.lock_stream(stream_id)
    return stream if stream.is_live else None
