"""What viewers' stays add up to: exact, from PostgreSQL alone."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import DateTimeField, F, Max, Sum, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from livestream.models import ReactionTotal, Stream, ViewerSample

# A person's stays on several devices, or over a reconnect, are joined first: two screens are one viewer.
# Peak: walk through comings and goings in their order; at one instant the coming counts before the going.
_WATCHED = """
WITH stays AS (
  SELECT user_id, unnest(range_agg(tstzrange(joined_at, coalesce(left_at, %(now)s), '[]'))) AS stay
  FROM livestream_viewersession
  WHERE stream_id = %(stream)s AND joined_at <= %(now)s
  GROUP BY user_id
), moves AS (
  SELECT lower(stay) AS at, 1 AS change FROM stays UNION ALL SELECT upper(stay), -1 FROM stays
), levels AS (
  SELECT sum(change) OVER (ORDER BY at, change DESC ROWS UNBOUNDED PRECEDING) AS level FROM moves
)
SELECT (SELECT coalesce(max(level), 0) FROM levels),
       (SELECT count(DISTINCT user_id) FROM stays),
       (SELECT coalesce(sum(extract(epoch FROM upper(stay) - lower(stay))), 0) FROM stays)
"""


@dataclass(frozen=True)
class WatchFigures:
    peak: int
    unique: int
    average_seconds: int | None


def watch_figures(stream: Stream) -> WatchFigures:
    """Return peak, unique viewers and average watch time; None for the latter when nobody watched."""
    with connection.cursor() as cursor:
        cursor.execute(_WATCHED, {"stream": stream.pk, "now": stream.ended_at or timezone.now()})
        peak, unique, seconds = cursor.fetchone()
    return WatchFigures(int(peak), unique, round(float(seconds) / unique) if unique else None)


def highest_sample(stream_id: UUID) -> int:
    """Return the highest number on the curve of viewers per minute."""
    return ViewerSample.objects.filter(stream=stream_id).aggregate(most=Max("viewers"))["most"] or 0


def saved_reactions(stream_id: UUID) -> dict[str, int]:
    """Return emoji → count as it was last written down, most used first."""
    rows = ReactionTotal.objects.filter(stream=stream_id).order_by("-count", "emoji")
    return dict(rows.values_list("emoji", "count"))


def total_likes(stream_id: UUID) -> int:
    return ReactionTotal.objects.filter(stream=stream_id).aggregate(total=Sum("count"))["total"] or 0


def not_before_joining(moment: datetime) -> Greatest:
    """Return the moment a stay ended, as an expression: clocks of two machines may differ a little."""
    return Greatest(Value(moment, output_field=DateTimeField()), F("joined_at"))
