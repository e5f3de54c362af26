"""Encoders of live streams: authorizing and dropping them, and ending the streams they abandoned."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from livestream import access, events
from livestream.media import recordings, stream_keys
from livestream.media.server import MediaServerBadResponse, MediaServerUnavailable, media_server
from livestream.models import PublisherConnection, Stream
from livestream.services.replays import enqueue_replay
from livestream.services.streams import end_abandoned_stream
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden

logger = logging.getLogger(__name__)

# A connection younger than this may be newer than the statistics that the media server just returned.
_STATISTICS_LAG = timedelta(seconds=10)


def authorize_publisher(*, key: str, client_id: str) -> str:
    """Allow an encoder to publish; return the public id, which replaces the key as the stream's name.

    Raises Forbidden if no live stream has this key, Conflict while another encoder is publishing the stream.
    """
    digest = stream_keys.digest(key[: stream_keys.MAX_LENGTH])
    found = Stream.objects.live().filter(key_digest=digest).values_list("pk", "public_id").first()
    if found is None:
        raise Forbidden("This is not the key of a live stream.", code="stream_key_refused")
    stream_id, public_id = found
    # The media server hangs if a stream gets two publishers, so its statistics are checked besides the table.
    # This is done before locking the row, because the response can take seconds.
    is_publishing = _is_publishing(public_id)
    with transaction.atomic():
        stream = access.lock_stream(stream_id)
        if not stream.is_live or stream.key_digest != digest:
            raise Forbidden("This is not the key of a live stream.", code="stream_key_refused")
        open_connections = stream.publisher_connections.filter(lost_at=None)
        if is_publishing or (is_publishing is None and open_connections.exists()):
            raise Conflict("Another encoder is publishing this stream.", code="already_publishing")
        now = database_now()
        open_connections.update(lost_at=now)
        PublisherConnection.objects.create(stream=stream, client_id=client_id, connected_at=now)
        events.publish_stream_resumed(stream)
    return public_id


def publisher_disconnected(*, key: str, client_id: str) -> None:
    """Record that an encoder disconnected; it can reconnect within STREAM_RECONNECT_WINDOW."""
    digest = stream_keys.digest(key[: stream_keys.MAX_LENGTH])
    stream_id = Stream.objects.live().filter(key_digest=digest).values_list("pk", flat=True).first()
    if stream_id is not None:
        _mark_disconnected(stream_id, client_id=client_id)


def recording_finished(*, path: str) -> None:
    """Start the replay of an ended stream, or delete its recording if the stream isn't to be recorded."""
    public_id = recordings.public_id_of(path)
    stream = Stream.objects.filter(public_id=public_id, status=Stream.Status.ENDED).first()
    if stream is None:
        return
    if stream.record_stream:
        enqueue_replay(stream)
    else:
        recordings.delete(stream.public_id)


def drop_publisher(*, public_id: str) -> None:
    """Make the media server disconnect a stream's encoder; raises MediaServerBadResponse.

    Does nothing if the media server is unavailable, because then no encoder is connected.
    """
    try:
        media_server.drop(public_id)
    except MediaServerUnavailable as error:
        logger.info("dropping the publisher of %s failed, media server unavailable: %s", public_id, error)


def reconcile_publishers() -> None:
    """Correct the publisher connections by the media server's, then end the abandoned streams."""
    try:
        publishing = media_server.publishers()
    except MediaServerUnavailable:
        publishing = {}
    except MediaServerBadResponse as error:
        logger.error("reading the media server's publishers failed: %s", error)
        _end_abandoned_streams()
        return
    live = {
        stream.public_id: stream for stream in Stream.objects.live().prefetch_related("publisher_connections")
    }
    for public_id, stream in live.items():
        _reconcile_stream(stream, publishing.get(public_id, set()))
    for public_id in publishing.keys() - live.keys():
        # The stream has ended, but the job that should drop its publisher was lost.
        _try_to_drop(public_id)
    _end_abandoned_streams()


def _reconcile_stream(stream: Stream, publishing_clients: set[str]) -> None:
    connections = sorted(stream.publisher_connections.all(), key=lambda connection: connection.connected_at)
    if not connections:
        return
    last = connections[-1]
    if last.lost_at is None and last.client_id not in publishing_clients:
        if database_now() - last.connected_at > _STATISTICS_LAG:
            _mark_disconnected(stream.pk, client_id=last.client_id)
    elif last.lost_at is not None and last.client_id in publishing_clients:
        _mark_connected_again(stream.pk, last.pk)


@transaction.atomic
def _mark_disconnected(stream_id: UUID, *, client_id: str) -> None:
    stream = access.lock_stream(stream_id)
    now = database_now()
    lost = stream.publisher_connections.filter(client_id=client_id, lost_at=None).update(lost_at=now)
    if lost and stream.is_live:
        events.publish_stream_interrupted(stream, now + settings.STREAM_RECONNECT_WINDOW)


@transaction.atomic
def _mark_connected_again(stream_id: UUID, connection_id: int) -> None:
    """Reopen a connection that was recorded as lost only because the media server couldn't be reached."""
    stream = access.lock_stream(stream_id)
    if not stream.is_live or stream.publisher_connections.filter(lost_at=None).exists():
        return
    stream.publisher_connections.filter(pk=connection_id).update(lost_at=None)
    events.publish_stream_resumed(stream)


def _end_abandoned_streams() -> None:
    now = database_now()
    window_start = now - settings.STREAM_RECONNECT_WINDOW
    publishers = PublisherConnection.objects.filter(stream=OuterRef("pk"))
    publisher_gone = Stream.objects.live().filter(
        Exists(publishers), ~Exists(publishers.filter(Q(lost_at=None) | Q(lost_at__gte=window_start)))
    )
    never_published = Stream.objects.live().filter(
        ~Exists(publishers), started_at__lt=now - settings.STREAM_NEVER_PUBLISHED_AFTER
    )
    for abandoned, reason in (
        (publisher_gone, Stream.EndReason.PUBLISHER_GONE),
        (never_published, Stream.EndReason.NEVER_PUBLISHED),
    ):
        for stream_id in abandoned.values_list("pk", flat=True):
            end_abandoned_stream(stream_id=stream_id, reason=reason, unless_published_since=window_start)


def _is_publishing(public_id: str) -> bool | None:
    """Return whether the media server has a publisher of this stream; None if the request fails."""
    try:
        return public_id in media_server.publishers()
    except (MediaServerUnavailable, MediaServerBadResponse) as error:
        logger.warning("reading the media server's publishers failed: %s", error)
        return None


def _try_to_drop(public_id: str) -> None:
    try:
        media_server.drop(public_id)
    except (MediaServerUnavailable, MediaServerBadResponse) as error:
        logger.warning("dropping the publisher of ended stream %s failed: %s", public_id, error)
