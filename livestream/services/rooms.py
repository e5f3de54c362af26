"""Viewers: coming, staying, going. The rows are the truth; Redis counts who is there right now."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Greatest
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import User
from livestream import access, events, live_counts, states
from livestream.models import Stream, ViewerSample, ViewerSession
from livestream.selectors import figures, rooms
from soukloop.core.batching import ThreadBatcher
from soukloop.realtime import presence

logger = logging.getLogger(__name__)

# Above so many comings and goings a second in one room, each of them is told no more, and how many are there
# once a second: a thousand who come to a thousand would be a million events.
ONE_BY_ONE = 10


def enter(*, actor: User, stream_id: UUID, connection_id: str) -> Stream:
    """Note that somebody has come in to watch (contract 4.4); coming in again changes nothing.

    The host's own devices aren't viewers. Raises NotFound, Forbidden (`followers_only`), Conflict.
    """
    stream = access.watchable_stream(actor, stream_id)
    states.check(stream, "join")
    if stream.seller_id == actor.pk:
        return stream
    count = _come_in(stream.pk, Coming(actor, connection_id))
    if count is not None:
        stream.viewer_count = count
    return stream


@dataclass(frozen=True)
class Coming:
    viewer: User
    connection_id: str

    @property
    def name(self) -> str:
        return live_counts.member(self.viewer.pk, self.connection_id)


def _note_coming(stream_id: UUID, coming: list[Coming]) -> list[int | None]:
    """Write down and tell of those who come at this moment; return for each how many are there now."""
    _open_sessions(stream_id, coming)
    there = _trusted(stream_id, live_counts.seen(stream_id, [each.name for each in coming]))
    if there.viewers is not None and there.moves <= ONE_BY_ONE:
        for each in coming:
            if each.name in there.changed:
                events.viewer_joined(stream_id, each.viewer.pk, each.viewer.username, there.viewers)
    _tell_count(stream_id, there)
    return [there.viewers] * len(coming)


# When a stream goes live its followers come by the hundred a second.
_come_in = ThreadBatcher(_note_coming)


def _open_sessions(stream_id: UUID, coming: list[Coming]) -> None:
    """Write down each stay, once."""
    columns = zip(
        *[(each.viewer.pk, each.connection_id, each.viewer.neighborhood) for each in coming], strict=True
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO livestream_viewersession"
            " (stream_id, joined_at, last_seen_at, user_id, connection_id, neighborhood)"
            " SELECT %s, %s, %s, * FROM unnest(%s::uuid[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING",
            [stream_id, now := timezone.now(), now, *map(list, columns)],
        )


def leave(*, stream_id: UUID, user_id: UUID, connection_id: str) -> None:
    """Note that a connection has left, by its own wish or because it broke."""
    now = timezone.now()
    left = ViewerSession.objects.filter(stream=stream_id, connection_id=connection_id, left_at=None).update(
        left_at=figures.not_before_joining(now), last_seen_at=now
    )
    there = live_counts.gone(stream_id, [live_counts.member(user_id, connection_id)])
    if not left:
        return
    there = _trusted(stream_id, there)
    if there.viewers is not None and there.changed and there.moves <= ONE_BY_ONE:
        events.viewer_left(stream_id, user_id, there.viewers)
    _tell_count(stream_id, there)


def see_out_blocked(blocker_id: UUID, blocked_id: UUID) -> None:
    """Take each of the two out of the other's live stream."""
    for stream in Stream.objects.live().filter(seller__in=[blocker_id, blocked_id]):
        viewer_id = blocked_id if stream.seller_id == blocker_id else blocker_id
        events.see_out(stream.pk, viewer_id, reason="stream_not_found")


def see_out_unfollowed(follower_id: UUID, followed_id: UUID) -> None:
    """Take somebody who follows no more out of a live stream that is for followers."""
    streams = Stream.objects.live().of_seller(followed_id).filter(audience=Stream.Audience.FOLLOWERS)
    for stream in streams:
        events.see_out(stream.pk, follower_id, reason="followers_only")


def stay(members: Mapping[UUID, Iterable[tuple[UUID, str]]]) -> None:
    """Note that these connections, (user id, connection id) by stream, are alive."""
    for stream_id, viewers in members.items():
        names = [live_counts.member(user_id, connection_id) for user_id, connection_id in viewers]
        live_counts.seen(stream_id, names)


def _tell_count(stream_id: UUID, there: live_counts.Presence) -> None:
    """Write down and tell how many are there; in a rush once a second, and by the job that looks around."""
    if there.viewers is None or not there.changed:
        return
    is_calm = there.moves <= ONE_BY_ONE
    if is_calm or there.is_first:
        events.viewer_count(stream_id, _note_viewers(stream_id, there.viewers, waits=is_calm))


def _trusted(stream_id: UUID, there: live_counts.Presence) -> live_counts.Presence:
    """Leave the number out while Redis, which had forgotten, knows of fewer people than the rows do.

    The heartbeats are about to tell it of the others; until then the live counts pause.
    """
    if there.viewers is None or not there.is_young or there.viewers >= rooms.people_there(stream_id):
        return there
    return replace(there, viewers=None)


def _note_viewers(stream_id: UUID, count: int, *, waits: bool) -> int:
    """Write into the stream's row how many are there, and return it.

    In a rush (`waits` is False) not when somebody else is writing to the row. The number is asked for again
    once the row is locked: of two who wait, the one with the older number may come last.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM livestream_stream WHERE id = %s AND status = 'live' FOR NO KEY UPDATE"
            + ("" if waits else " SKIP LOCKED"),
            [stream_id],
        )
        if cursor.rowcount:
            newest = live_counts.viewers(stream_id)
            newest = count if newest is None else newest
            cursor.execute(
                "UPDATE livestream_stream SET viewer_count = %s, peak_viewers = greatest(peak_viewers, %s)"
                " WHERE id = %s",
                [newest, max(newest, count), stream_id],
            )
            return newest
    return count


def look_around(*, stream_id: UUID) -> int | None:
    """See off who has silently gone, write down and tell how many are there; return how many.

    None when Redis is away: then nobody is seen off, because nobody could have said that they are alive. None
    as well while it can't know of everybody, having just come back.
    """
    now = timezone.now()
    try:
        known = live_counts.connections(stream_id)
        silent_since = live_counts.server_time() - settings.STREAM_VIEWER_TTL.total_seconds()
    except RedisError as error:
        logger.warning("viewers of stream %s not looked at: %s", stream_id, error)
        return None
    silent = {name: at for name, at in known.items() if at < silent_since}
    # First the rows: were this job killed in between, nobody would know when they were heard of.
    _close_silent(stream_id, silent)
    live_counts.gone(stream_id, silent)
    _mark_seen(stream_id, [name for name in known if name not in silent], now)
    _close_unknown(stream_id, now)
    there = _trusted(stream_id, live_counts.now_watching(stream_id))
    if there.viewers is None:
        return None
    count = _note_viewers(stream_id, there.viewers, waits=True)
    _sample(stream_id, now, count)
    events.viewer_count(stream_id, count)
    return count


def close_stays(stream: Stream) -> None:
    """Close the stays of a stream that ends now; those of killed processes when they were last heard of.

    That is up to one heartbeat (`SOCKET_HEARTBEAT`) before the process died: nothing else says when it did.
    The job that looks around may not have run since. What Redis can't tell is taken for a stay to the end.
    """
    assert stream.ended_at is not None
    try:
        dead = _dead(stream.pk)
    except RedisError as error:
        logger.warning("viewers of stream %s not looked at: %s", stream.pk, error)
    else:
        end = stream.ended_at.timestamp()  # clocks of two machines may differ a little
        _close_silent(stream.pk, {name: min(at, end) for name, at in dead.items()})
    ViewerSession.objects.filter(stream=stream, left_at=None).update(
        left_at=figures.not_before_joining(stream.ended_at), last_seen_at=stream.ended_at
    )


def _dead(stream_id: UUID) -> dict[str, float]:
    """Return the viewers' connections that no process holds any more, and when they were last heard of.

    Who is connected by another process counts as there: most come back to the stream within seconds.
    """
    known = live_counts.connections(stream_id)
    silent_since = live_counts.server_time() - settings.STREAM_VIEWER_TTL.total_seconds()
    connected = presence.connected_among({_user_id(name) for name in known})
    return {name: at for name, at in known.items() if at < silent_since or _user_id(name) not in connected}


def _user_id(name: str) -> UUID:
    return UUID(name.partition(":")[0])


def close_forgotten_sessions() -> int:
    """Close the stays that outlived their stream: somebody came in during the instant of its end."""
    return rooms.open_in_ended_streams().update(left_at=rooms.end_of_stream())


def _close_silent(stream_id: UUID, silent: Mapping[str, float]) -> None:
    """Close the stays of connections whose process was killed, at the time they were last heard of."""
    if not silent:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE livestream_viewersession AS stay"
            " SET left_at = greatest(stay.joined_at, to_timestamp(heard.at))"
            " FROM unnest(%s::text[], %s::float8[]) AS heard (connection_id, at)"
            " WHERE stay.stream_id = %s AND stay.connection_id = heard.connection_id"
            " AND stay.left_at IS NULL",
            [[name.partition(":")[2] for name in silent], list(silent.values()), stream_id],
        )


def _mark_seen(stream_id: UUID, names: list[str], now: datetime) -> None:
    ViewerSession.objects.filter(
        stream=stream_id,
        connection_id__in=[name.partition(":")[2] for name in names],
        left_at=None,
        last_seen_at__lt=now - settings.STREAM_VIEWER_TTL / 4,
    ).update(last_seen_at=now)


def _close_unknown(stream_id: UUID, now: datetime) -> None:
    """Close the stays that nobody vouched for since Redis may have forgotten them."""
    ViewerSession.objects.filter(
        stream=stream_id, left_at=None, last_seen_at__lt=now - 2 * settings.STREAM_VIEWER_TTL
    ).update(left_at=Greatest("last_seen_at", "joined_at"))


def _sample(stream_id: UUID, now: datetime, count: int) -> None:
    ViewerSample.objects.bulk_create(
        [ViewerSample(stream_id=stream_id, minute=now.replace(second=0, microsecond=0), viewers=count)],
        ignore_conflicts=True,
    )
    ViewerSample.objects.filter(
        stream=stream_id, minute=now.replace(second=0, microsecond=0), viewers__lt=count
    ).update(viewers=count)
