"""The choice of the people who are notified that a stream is live, as SQL."""

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.gis.geos import Point

from accounts.blocks import blocked_ids
from accounts.selectors import has_confirmed_contact
from livestream.models import Stream
from soukloop.core.db.reads import Statement, fetch

_FOLLOWERS = """
SELECT follower_id FROM accounts_follow AS follow
WHERE followed_id = %(seller)s AND follower_id <> ALL(%(hidden)s)
  AND NOT EXISTS (SELECT FROM accounts_user WHERE id = follow.follower_id AND NOT is_active)
"""
# Followers are notified as followers or not at all, so that nobody is notified twice in a short time.
_NEIGHBOURS = """
WITH near AS MATERIALIZED (
  SELECT id FROM accounts_user AS person
  WHERE is_active AND ST_DWithin(location, %(location)s::geography, %(radius)s) AND id <> ALL(%(hidden)s)
    AND NOT EXISTS (SELECT FROM accounts_follow WHERE follower_id = person.id AND followed_id = %(seller)s)
)
SELECT id FROM near WHERE id NOT IN (
  SELECT neighbour_id FROM (
    SELECT unnest(recipient_ids[follower_count + 1:]) AS neighbour_id
    FROM livestream_announcement
    WHERE created_at > now() - interval '1 day'
      AND ST_DWithin(location, %(location)s::geography, 2 * %(radius)s)
  ) AS notice
  GROUP BY neighbour_id HAVING count(*) >= %(notices_per_day)s
)
"""
_NOBODY = "SELECT NULL::uuid WHERE false"


class Recipients(NamedTuple):
    """Queries for the ids of the followers and neighbours to notify, with the parameters of both.

    The second is None if no neighbours are notified.
    """

    followers: str
    neighbours: str | None
    params: dict[str, Any]


def recipients_of(stream: Stream) -> Recipients:
    """Return who may be notified of a stream now.

    These are the seller's followers, unless they were notified within STREAM_FOLLOWERS_NOTIFIED_EVERY; and
    the people near a seller with a confirmed contact, unless some were notified within
    STREAM_NEIGHBOURS_NOTIFIED_EVERY, without those who have had their STREAM_NEIGHBOUR_NOTICES_PER_DAY.
    """
    followers_limited, neighbours_limited = _limits_reached(stream)
    with_followers = stream.notify_followers and not followers_limited
    point = None if neighbours_limited or not _may_notify_neighbours(stream) else _location(stream)
    return Recipients(
        followers=_FOLLOWERS if with_followers else _NOBODY,
        neighbours=_NEIGHBOURS if point else None,
        params={
            "stream": stream.pk,
            "seller": stream.seller_id,
            "hidden": list(blocked_ids(stream.seller_id) | {stream.seller_id}),
            "location": point.ewkt if point else None,
            "radius": settings.STREAM_NEIGHBORHOOD_RADIUS_KM * 1000,
            "notices_per_day": settings.STREAM_NEIGHBOUR_NOTICES_PER_DAY,
        },
    )


def _limits_reached(stream: Stream) -> tuple[bool, bool]:
    """Return whether the seller's followers, and neighbours, were notified too recently."""
    sql = """
        SELECT
          coalesce(bool_or(follower_count > 0 AND created_at > now() - %s), false),
          coalesce(bool_or(neighbour_count > 0 AND created_at > now() - %s), false)
        FROM livestream_announcement WHERE seller_id = %s
    """
    limits = [settings.STREAM_FOLLOWERS_NOTIFIED_EVERY, settings.STREAM_NEIGHBOURS_NOTIFIED_EVERY]
    [(followers, neighbours)] = fetch(Statement(sql, [*limits, stream.seller_id]))
    return followers, neighbours


def _may_notify_neighbours(stream: Stream) -> bool:
    """Neighbours aren't notified of a stream that only followers may watch."""
    return (
        stream.notify_neighborhood
        and stream.audience == Stream.Audience.EVERYONE
        and has_confirmed_contact(stream.seller)
    )


def _location(stream: Stream) -> Point | None:
    """Return the seller's location, or else that of the stream's first product."""
    if stream.seller.location is not None:
        return stream.seller.location
    return (
        stream.stream_products.filter(product__location__isnull=False)
        .order_by("position")
        .values_list("product__location", flat=True)
        .first()
    )
