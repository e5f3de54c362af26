"""Encoders of live streams: authorizing and dropping them, and ending the streams they abandoned."""

import logging
import time
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from livestream import access, events
from livestream.error_codes import LivestreamErrorCode
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
# An encoder that was accepted, and isn't listed by the media server after this time, has left.
_ACCEPTANCE_LAG = timedelta(seconds=5)


def authorize_publisher(*, key: str, client_id: str) -> str:
    """Allow an encoder to publish instead of any other; return the public id that replaces the key.

    An encoder whose network changed comes back before the loss of its old connection is noticed, so the old
    connection is dropped. Raises Forbidden if no live stream has this key, Conflict if that fails.
    """
    digests = stream_keys.digests(key)
    found = Stream.objects.live().filter(key_digest__in=digests).values_list("pk", "public_id").first()
    if found is None:
        raise Forbidden(
            _("This is not the key of a live stream."), code=LivestreamErrorCode.STREAM_KEY_REFUSED
        )
    stream_id, public_id = found
    # Sooner than the media server, which waits for 10 s.
    give_up_at = time.monotonic() + _ACCEPTANCE_LAG.total_seconds() + 1
    while time.monotonic() < give_up_at:
        # Not while the row is locked, because the response can take seconds.
        dropped = _drop_publishers(public_id)
        if _replace_connection(stream_id, digests=digests, client_id=client_id, dropped=dropped):
            return public_id
        time.sleep(0.05)
    raise Conflict(
        _("Another encoder is connecting to this stream."), code=LivestreamErrorCode.ALREADY_PUBLISHING
    )


def _drop_publishers(public_id: str) -> set[str] | None:
    """Disconnect a stream's encoders and return their client ids; None if the media server doesn't list them.

    Raises Conflict if an encoder can't be disconnected.
    """
    try:
        publishing = media_server.publishers().get(public_id, set())
    except (MediaServerUnavailable, MediaServerBadResponse) as error:
        logger.warning("reading the media server's publishers failed: %s", error)
        return None
    try:
        if publishing:
            media_server.drop(public_id)
    except (MediaServerUnavailable, MediaServerBadResponse) as error:
        logger.error("dropping the publisher of %s failed: %s", public_id, error)
        raise Conflict(
            _("Another encoder is publishing this stream."), code=LivestreamErrorCode.ALREADY_PUBLISHING
        ) from error
    return publishing


@transaction.atomic
def _replace_connection(
    stream_id: UUID, *, digests: list[str], client_id: str, dropped: set[str] | None
) -> bool:
    """Record an encoder as the stream's only one; return False while another may be about to publish.

    The media server must never get two publishers of a stream: it would record the second one without listing
    it. An encoder that was accepted a moment ago is not listed by the media server until that has read the
    acceptance, so it can't be dropped yet.
    """
    stream = access.lock_stream(stream_id)
    if not stream.is_live or stream.key_digest not in digests:
        raise Forbidden(
            _("This is not the key of a live stream."), code=LivestreamErrorCode.STREAM_KEY_REFUSED
        )
    now = database_now()
    other = stream.publisher_connections.filter(lost_at=None).exclude(client_id=client_id).first()
    if other is not None and dropped is None:
        raise Conflict(
            _("Another encoder is publishing this stream."), code=LivestreamErrorCode.ALREADY_PUBLISHING
        )
    is_new = other is not None and now - other.connected_at < _ACCEPTANCE_LAG
    if other is not None and is_new and other.client_id not in (dropped or ()):
        return False
    stream.publisher_connections.filter(lost_at=None).update(lost_at=now)
    # Viewers are told once its first segment can be fetched: services.health.report_first_segment.
    PublisherConnection.objects.create(stream=stream, client_id=client_id, connected_at=now)
    return True


def publisher_disconnected(*, key: str, client_id: str) -> None:
    """Record that an encoder disconnected; it can reconnect within STREAM_RECONNECT_WINDOW."""
    digests = stream_keys.digests(key)
    stream_id = Stream.objects.live().filter(key_digest__in=digests).values_list("pk", flat=True).first()
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
    connections = stream.publisher_connections.filter(pk=connection_id)
    connections.update(lost_at=None)
    if connections.exclude(first_segment_at=None).exists():
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


def _try_to_drop(public_id: str) -> None:
    try:
        media_server.drop(public_id)
    except (MediaServerUnavailable, MediaServerBadResponse) as error:
        logger.warning("dropping the publisher of ended stream %s failed: %s", public_id, error)
