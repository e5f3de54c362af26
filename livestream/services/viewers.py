"""Viewers joining and leaving streams: their sessions in PostgreSQL, their number in Redis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection, transaction

from accounts.models import User
from livestream import access, events, live_counts, states
from livestream.models import Stream, ViewerSession
from livestream.selectors import viewers
from soukloop.core.batching import ThreadBatcher
from soukloop.core.db.clock import database_now

# While more people than this join or leave a stream in a second, viewers get one `viewer:count` a second, and
# no `viewer:joined` or `viewer:left`: a thousand people joining a thousand would be a million events.
ANNOUNCED_CHURN_MAX = 10


def join_stream(*, actor: User | None, stream_id: UUID, connection_id: str) -> Stream:
    """Open a viewer's session (contract 4.4); joining again changes nothing.

    The host isn't counted as a viewer. A guest, without `actor`, is counted and has no session. Raises
    NotFound, Forbidden (`followers_only`), Conflict, and NotAuthenticated for what guests may not watch.
    """
    stream = check_may_join(actor, stream_id)
    if actor is not None and stream.seller_id == actor.pk:
        return stream
    count = _join_batched(stream.pk, Join(actor, connection_id))
    if count is not None:
        stream.viewer_count = count
    return stream


def check_may_join(actor: User | None, stream_id: UUID) -> Stream:
    """Return a stream that this person may join now; raises the errors of `join_stream`."""
    stream = access.watchable_stream(actor, stream_id)
    states.require_allowed(stream, "join")
    return stream


@dataclass(frozen=True)
class Join:
    viewer: User | None  # None: a guest
    connection_id: str

    @property
    def viewer_key(self) -> str:
        return live_counts.viewer_key(self.viewer.pk if self.viewer else None, self.connection_id)


def _record_joins(stream_id: UUID, joins: list[Join]) -> list[int | None]:
    """Record and publish a batch of joins; return for each of them the number of viewers."""
    _open_sessions(stream_id, [(join.viewer, join.connection_id) for join in joins if join.viewer])
    live = reliable_count(
        stream_id, live_counts.record_heartbeat(stream_id, [join.viewer_key for join in joins])
    )
    if live.count is not None and live.churn_per_second <= ANNOUNCED_CHURN_MAX:
        for join in joins:
            if join.viewer and join.viewer_key in live.changed:
                events.publish_viewer_joined(stream_id, join.viewer.pk, join.viewer.username, live.count)
    _publish_count(stream_id, live)
    return [live.count] * len(joins)


# When a popular seller goes live, hundreds of followers join in a second.
_join_batched = ThreadBatcher(_record_joins)


def _open_sessions(stream_id: UUID, viewers: list[tuple[User, str]]) -> None:
    """Insert the sessions of these people's connections that aren't open yet."""
    if not viewers:
        return
    columns = zip(
        *[(viewer.pk, connection_id, viewer.neighborhood) for viewer, connection_id in viewers], strict=True
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO livestream_viewersession"
            " (stream_id, joined_at, last_seen_at, user_id, connection_id, neighborhood)"
            " SELECT %s, %s, %s, * FROM unnest(%s::uuid[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING",
            [stream_id, now := database_now(), now, *map(list, columns)],
        )


def leave_stream(*, stream_id: UUID, user_id: UUID | None, connection_id: str) -> None:
    """Close the session of a connection that left the stream or was lost; a guest, without id, has none."""
    now = database_now()
    closed = ViewerSession.objects.filter(stream=stream_id, connection_id=connection_id, left_at=None).update(
        left_at=viewers.not_before_joining(now), last_seen_at=now
    )
    live = live_counts.remove_viewers(stream_id, [live_counts.viewer_key(user_id, connection_id)])
    if user_id is not None and not closed:
        return
    live = reliable_count(stream_id, live)
    is_calm = live.churn_per_second <= ANNOUNCED_CHURN_MAX
    if user_id is not None and live.count is not None and live.changed and is_calm:
        events.publish_viewer_left(stream_id, user_id, live.count)
    _publish_count(stream_id, live)


def remove_blocked_viewers(blocker_id: UUID, blocked_id: UUID) -> None:
    """Remove each of the two users from the other's live stream."""
    for stream in Stream.objects.live().filter(seller__in=[blocker_id, blocked_id]):
        viewer_id = blocked_id if stream.seller_id == blocker_id else blocker_id
        events.remove_viewer(stream.pk, viewer_id, reason="stream_not_found")


def remove_unfollowed_viewer(follower_id: UUID, followed_id: UUID) -> None:
    """Remove a user who stopped following from the seller's live stream if only followers may watch it."""
    streams = Stream.objects.live().of_seller(followed_id).filter(audience=Stream.Audience.FOLLOWERS)
    for stream in streams:
        events.remove_viewer(stream.pk, follower_id, reason="followers_only")


def refresh_viewers(connections: Mapping[UUID, Iterable[tuple[UUID | None, str]]]) -> None:
    """Record that the connections of each stream, as (user id or None, connection id), are alive."""
    for stream_id, viewer_connections in connections.items():
        live_counts.record_heartbeat(
            stream_id, [live_counts.viewer_key(*connection) for connection in viewer_connections]
        )


def reliable_count(stream_id: UUID, live: live_counts.LiveViewers) -> live_counts.LiveViewers:
    """Return `live` without its count if Redis is warming up and has fewer people than there are sessions.

    No counts are published until the next heartbeats have reported the missing people.
    """
    if (
        live.count is None
        or not live.is_warming_up
        or live.count >= viewers.people_with_open_session(stream_id)
    ):
        return live
    return replace(live, count=None)


def save_viewer_count(stream_id: UUID, count: int, *, waits: bool) -> int:
    """Save the number of viewers in the stream's row, and return it.

    Unless it `waits`, skips a row that is locked. Reads the count again with the row locked, because of two
    writers that waited for the lock, the one with the older count may get it last.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM livestream_stream WHERE id = %s AND status = 'live' FOR NO KEY UPDATE"
            + ("" if waits else " SKIP LOCKED"),
            [stream_id],
        )
        if cursor.rowcount:
            newest = live_counts.viewer_count(stream_id)
            newest = count if newest is None else newest
            cursor.execute(
                "UPDATE livestream_stream SET viewer_count = %s, peak_viewers = greatest(peak_viewers, %s)"
                " WHERE id = %s",
                [newest, max(newest, count), stream_id],
            )
            return newest
    return count


def _publish_count(stream_id: UUID, live: live_counts.LiveViewers) -> None:
    """Save and publish a changed number of viewers, at most once a second while many join or leave."""
    if live.count is None or not live.changed:
        return
    is_calm = live.churn_per_second <= ANNOUNCED_CHURN_MAX
    if is_calm or live.is_first_this_second:
        events.publish_viewer_count(stream_id, save_viewer_count(stream_id, live.count, waits=is_calm))
