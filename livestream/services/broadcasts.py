"""The encoder's side of a stream: let in, lost, back again, given up."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from livestream import access, events
from livestream.media import recordings, stream_keys
from livestream.media.server import MediaServerAway, MediaServerRefuses, media_server
from livestream.models import PublisherConnection, Stream
from livestream.services.streams import end_abandoned, enqueue_replay
from soukloop.core.errors import Conflict, Forbidden

logger = logging.getLogger(__name__)


def let_in(*, key: str, client_id: str) -> str:
    """Decide on an encoder that wants to publish; return the public id its stream goes by from here on.

    Raises Forbidden for a key that isn't a live stream's, Conflict while another encoder is publishing it.
    """
    digest = stream_keys.digest(key[: stream_keys.LONGEST])
    found = Stream.objects.live().filter(key_digest=digest).values_list("pk", "public_id").first()
    if found is None:
        raise Forbidden("This is no live stream's key.", code="stream_key_refused")
    stream_id, public_id = found
    # The media server would hang with two publishers of one stream, so it is asked, not only the table. Asked
    # before the row is locked: it may take its time.
    there = _publisher_there(public_id)
    with transaction.atomic():
        stream = access.locked_stream(stream_id)
        if not stream.is_live or stream.key_digest != digest:
            raise Forbidden("This is no live stream's key.", code="stream_key_refused")
        connections = stream.publisher_connections.filter(lost_at=None)
        if there or (there is None and connections.exists()):
            raise Conflict("This stream is being published already.", code="already_publishing")
        now = timezone.now()
        connections.update(lost_at=now)
        PublisherConnection.objects.create(stream=stream, client_id=client_id, connected_at=now)
        events.stream_resumed(stream)
    return public_id


def gone(*, key: str, client_id: str) -> None:
    """Note that an encoder has left: it has STREAM_RECONNECT_WINDOW to come back."""
    digest = stream_keys.digest(key[: stream_keys.LONGEST])
    stream_id = Stream.objects.live().filter(key_digest=digest).values_list("pk", flat=True).first()
    if stream_id is not None:
        _lose(stream_id, client_id=client_id)


def recorded(*, path: str) -> None:
    """Go on with the replay, or throw the file away, now that a recording is closed."""
    public_id = recordings.public_id_of(path)
    stream = Stream.objects.filter(public_id=public_id, status=Stream.Status.ENDED).first()
    if stream is None:
        return
    if stream.record_stream:
        enqueue_replay(stream)
    else:
        recordings.delete(stream.public_id)


def cut(*, public_id: str) -> None:
    """Have the media server end a broadcast, unless it is away; raises MediaServerRefuses."""
    try:
        media_server.drop(public_id)
    except MediaServerAway as error:
        logger.info("nobody to cut off, the media server is away: %s", error)


def reconcile() -> None:
    """Compare what the media server says with what we know, then end the streams that were left alone."""
    try:
        on_air = media_server.publishers()
    except MediaServerAway:
        on_air = {}
    except MediaServerRefuses as error:
        logger.error("the media server doesn't say who is publishing: %s", error)
        _end_abandoned()
        return
    known = {
        stream.public_id: stream for stream in Stream.objects.live().prefetch_related("publisher_connections")
    }
    for public_id, stream in known.items():
        _compare(stream, on_air.get(public_id, set()))
    for public_id in on_air.keys() - known.keys():
        # Its stream is over, and the order to cut it off got lost.
        _drop_quietly(public_id)
    _end_abandoned()


def _compare(stream: Stream, on_air: set[str]) -> None:
    connections = sorted(stream.publisher_connections.all(), key=lambda one: one.connected_at)
    if not connections:
        return
    last = connections[-1]
    if last.lost_at is None and last.client_id not in on_air:
        # A callback may be on its way: the connection may be younger than what the media server just said.
        if timezone.now() - last.connected_at > timedelta(seconds=10):
            _lose(stream.pk, client_id=last.client_id)
    elif last.lost_at is not None and last.client_id in on_air:
        _found_again(stream.pk, last.pk)


@transaction.atomic
def _lose(stream_id: UUID, *, client_id: str) -> None:
    stream = access.locked_stream(stream_id)
    now = timezone.now()
    lost = stream.publisher_connections.filter(client_id=client_id, lost_at=None).update(lost_at=now)
    if lost and stream.is_live:
        events.stream_interrupted(stream, now + settings.STREAM_RECONNECT_WINDOW)


@transaction.atomic
def _found_again(stream_id: UUID, connection_id: int) -> None:
    """Take back that an encoder was lost: it was the media server that couldn't be reached."""
    stream = access.locked_stream(stream_id)
    if not stream.is_live or stream.publisher_connections.filter(lost_at=None).exists():
        return
    stream.publisher_connections.filter(pk=connection_id).update(lost_at=None)
    events.stream_resumed(stream)


def _end_abandoned() -> None:
    now = timezone.now()
    gone_since = now - settings.STREAM_RECONNECT_WINDOW
    publishers = PublisherConnection.objects.filter(stream=OuterRef("pk"))
    gone = Stream.objects.live().filter(
        Exists(publishers), ~Exists(publishers.filter(Q(lost_at=None) | Q(lost_at__gte=gone_since)))
    )
    never = Stream.objects.live().filter(
        ~Exists(publishers), started_at__lt=now - settings.STREAM_NEVER_PUBLISHED_AFTER
    )
    for abandoned, reason in (
        (gone, Stream.EndReason.PUBLISHER_GONE),
        (never, Stream.EndReason.NEVER_PUBLISHED),
    ):
        for stream_id in abandoned.values_list("pk", flat=True):
            end_abandoned(stream_id=stream_id, reason=reason, unless_published_since=gone_since)


def _publisher_there(public_id: str) -> bool | None:
    """Ask the media server whether a stream is being published; None when it doesn't say."""
    try:
        return public_id in media_server.publishers()
    except (MediaServerAway, MediaServerRefuses) as error:
        logger.warning("the media server doesn't say who is publishing: %s", error)
        return None


def _drop_quietly(public_id: str) -> None:
    try:
        media_server.drop(public_id)
    except (MediaServerAway, MediaServerRefuses) as error:
        logger.warning("%s is still on air: %s", public_id, error)
