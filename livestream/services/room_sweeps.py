"""Correcting viewer counts and sessions after lost connections, by a periodic job and at a stream's end."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Greatest
from redis.exceptions import RedisError

from livestream import events, live_counts
from livestream.models import Stream, ViewerSample, ViewerSession
from livestream.selectors import viewers
from livestream.services.reactions import persist_reaction_totals
from livestream.services.viewers import reliable_count, save_viewer_count
from soukloop.core.db.clock import database_now
from soukloop.realtime import presence

logger = logging.getLogger(__name__)


def sweep_rooms() -> None:
    """Update the viewers and reactions of every live stream."""
    for stream_id in Stream.objects.live().values_list("pk", flat=True):
        try:
            sweep_room(stream_id=stream_id)
            persist_reaction_totals(stream_id=stream_id)
        except Exception:
            # A failure in one stream must not stop the others.
            logger.exception("sweep of stream %s failed", stream_id)
    close_sessions_of_ended_streams()


def sweep_room(*, stream_id: UUID) -> int | None:
    """Close the sessions of lost connections; save, sample, publish and return the number of viewers.

    Publishes nothing and returns None if Redis is unavailable (then no heartbeats were recorded either), or
    if it has lost its data and hasn't received heartbeats from every process yet.
    """
    now = database_now()
    try:
        heartbeats = live_counts.last_heartbeats(stream_id)
        oldest_allowed = live_counts.server_time() - settings.STREAM_VIEWER_TTL.total_seconds()
    except RedisError as error:
        logger.warning("reading the heartbeats of stream %s failed: %s", stream_id, error)
        return None
    lost = {key: at for key, at in heartbeats.items() if at < oldest_allowed}
    # Rows before Redis: if the job is killed in between, Redis still has the times of the last heartbeats.
    _close_at_last_heartbeat(stream_id, lost)
    live_counts.remove_viewers(stream_id, lost)
    _update_last_seen(stream_id, [key for key in heartbeats if key not in lost], now)
    _close_sessions_without_heartbeat(stream_id, now)
    live = reliable_count(stream_id, live_counts.current_viewers(stream_id))
    if live.count is None:
        return None
    count = save_viewer_count(stream_id, live.count, waits=True)
    _save_sample(stream_id, now, count)
    events.publish_viewer_count(stream_id, count)
    return count


def close_viewer_sessions(stream: Stream) -> None:
    """Close the sessions of a stream that is ending; those of killed processes at their last heartbeat.

    The last heartbeat is the best estimate of when a process died, at most one SOCKET_HEARTBEAT too early. If
    Redis is unavailable, all sessions last until the end of the stream.
    """
    assert stream.ended_at is not None
    try:
        disconnected = _disconnected_viewers(stream.pk)
    except RedisError as error:
        logger.warning("reading the heartbeats of ended stream %s failed: %s", stream.pk, error)
    else:
        end = stream.ended_at.timestamp()  # a heartbeat may be later, because machines' clocks differ
        _close_at_last_heartbeat(stream.pk, {key: min(at, end) for key, at in disconnected.items()})
    ViewerSession.objects.filter(stream=stream, left_at=None).update(
        left_at=viewers.not_before_joining(stream.ended_at), last_seen_at=stream.ended_at
    )


def close_sessions_of_ended_streams() -> int:
    """Close the sessions that were opened at the moment when their stream ended."""
    return viewers.open_sessions_of_ended_streams().update(left_at=viewers.end_of_stream())


def _disconnected_viewers(stream_id: UUID) -> dict[str, float]:
    """Return the connections whose process has died, with the times of their last heartbeats.

    A person who is connected to another process counts as connected: most rejoin the stream within seconds.
    """
    heartbeats = live_counts.last_heartbeats(stream_id)
    oldest_allowed = live_counts.server_time() - settings.STREAM_VIEWER_TTL.total_seconds()
    user_ids = {key: live_counts.split_viewer_key(key)[0] for key in heartbeats}
    connected = presence.connected_among({user_id for user_id in user_ids.values() if user_id is not None})
    return {
        key: at for key, at in heartbeats.items() if at < oldest_allowed or user_ids[key] not in connected
    }


def _close_at_last_heartbeat(stream_id: UUID, heartbeats: Mapping[str, float]) -> None:
    if not heartbeats:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE livestream_viewersession AS session"
            " SET left_at = greatest(session.joined_at, to_timestamp(heartbeat.at))"
            " FROM unnest(%s::text[], %s::float8[]) AS heartbeat (connection_id, at)"
            " WHERE session.stream_id = %s AND session.connection_id = heartbeat.connection_id"
            " AND session.left_at IS NULL",
            [_connection_ids(heartbeats), list(heartbeats.values()), stream_id],
        )


def _update_last_seen(stream_id: UUID, viewer_keys: list[str], now: datetime) -> None:
    ViewerSession.objects.filter(
        stream=stream_id,
        connection_id__in=_connection_ids(viewer_keys),
        left_at=None,
        last_seen_at__lt=now - settings.STREAM_VIEWER_TTL / 4,
    ).update(last_seen_at=now)


def _connection_ids(viewer_keys: Iterable[str]) -> list[str]:
    return [live_counts.split_viewer_key(key)[1] for key in viewer_keys]


def _close_sessions_without_heartbeat(stream_id: UUID, now: datetime) -> None:
    """Close the sessions without a recent heartbeat, which are missing in Redis if it lost its data."""
    ViewerSession.objects.filter(
        stream=stream_id, left_at=None, last_seen_at__lt=now - 2 * settings.STREAM_VIEWER_TTL
    ).update(left_at=Greatest("last_seen_at", "joined_at"))


def _save_sample(stream_id: UUID, now: datetime, count: int) -> None:
    """Save the number of viewers in the current minute's sample if it is the highest so far."""
    minute = now.replace(second=0, microsecond=0)
    ViewerSample.objects.bulk_create(
        [ViewerSample(stream_id=stream_id, minute=minute, viewers=count)], ignore_conflicts=True
    )
    ViewerSample.objects.filter(stream=stream_id, minute=minute, viewers__lt=count).update(viewers=count)
