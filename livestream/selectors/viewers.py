"""Reads of viewer sessions and samples in PostgreSQL."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, DateTimeField, F, Max, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Greatest

from livestream.models import Stream, ViewerSample, ViewerSession
from soukloop.core.db.clock import database_now

# A person's overlapping sessions on several devices are merged first, because they are one viewer. The peak
# is a running sum over joins (+1) and leaves (-1) by time; at the same instant, joins count before leaves.
_VIEWER_STATS = """
WITH watched AS (
  SELECT user_id, unnest(range_agg(tstzrange(joined_at, coalesce(left_at, %(now)s), '[]'))) AS period
  FROM livestream_viewersession
  WHERE stream_id = %(stream)s AND joined_at <= %(now)s
  GROUP BY user_id
), changes AS (
  SELECT lower(period) AS at, 1 AS change FROM watched UNION ALL SELECT upper(period), -1 FROM watched
), levels AS (
  SELECT sum(change) OVER (ORDER BY at, change DESC ROWS UNBOUNDED PRECEDING) AS level FROM changes
)
SELECT (SELECT coalesce(max(level), 0) FROM levels),
       (SELECT count(DISTINCT user_id) FROM watched),
       (SELECT coalesce(sum(extract(epoch FROM upper(period) - lower(period))), 0) FROM watched)
"""


class ViewerStats(NamedTuple):
    peak: int
    unique: int
    average_seconds: int | None
    """Average watch time; None without viewers."""


def viewer_stats(stream: Stream) -> ViewerStats:
    """Return a stream's peak, unique viewers and average watch time; for a live stream, as of now."""
    with connection.cursor() as cursor:
        cursor.execute(_VIEWER_STATS, {"stream": stream.pk, "now": stream.ended_at or database_now()})
        peak, unique, seconds = cursor.fetchone()
    return ViewerStats(int(peak), unique, round(float(seconds) / unique) if unique else None)


def highest_sample(stream_id: UUID) -> int:
    """Return the highest number of viewers among a stream's samples."""
    return ViewerSample.objects.filter(stream=stream_id).aggregate(most=Max("viewers"))["most"] or 0


def people_with_open_session(stream_id: UUID) -> int:
    """Count the people who have an open session, even if its connection is lost."""
    sessions = ViewerSession.objects.filter(stream=stream_id, left_at=None)
    people: int = sessions.aggregate(people=Count("user", distinct=True))["people"]
    return people


def open_sessions_of_ended_streams() -> QuerySet[ViewerSession]:
    return ViewerSession.objects.filter(left_at=None, stream__status=Stream.Status.ENDED)


def not_before_joining(moment: datetime) -> Greatest:
    """Return an expression for `left_at` that is never before `joined_at`: machines' clocks may differ."""
    return Greatest(Value(moment, output_field=DateTimeField()), F("joined_at"))


def end_of_stream() -> Greatest:
    """Return an expression for the end of a session's stream that is never before `joined_at`."""
    ended = Subquery(Stream.objects.filter(pk=OuterRef("stream")).values("ended_at")[:1])
    return Greatest(ended, F("joined_at"))
