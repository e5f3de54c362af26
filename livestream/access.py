"""The only door to a stream for a user."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from accounts.blocks import blocked_between, blocked_between_sql
from accounts.models import Follow, User
from listings.models import Product
from livestream.models import Stream, StreamProduct, StreamQuerySet
from soukloop.core.db.rows import columns_of, one_row
from soukloop.core.errors import Forbidden, NotFound, ValidationFailed


def visible_streams(user: User) -> StreamQuerySet:
    """Return the streams this person may know of: no cancelled one of others, nobody's who is blocked."""
    return (
        Stream.objects.exclude(Q(status=Stream.Status.CANCELLED) & ~Q(seller=user))
        .filter(seller__is_active=True)
        .exclude(blocked_between(user.pk, "seller_id"))
    )


def watchable_streams(user: User) -> StreamQuerySet:
    """Return the visible streams whose audience this person belongs to."""
    return visible_streams(user).filter(
        Q(audience=Stream.Audience.EVERYONE) | Q(seller=user) | _follows(user, "seller_id")
    )


def stream_visible_to(user: User, stream_id: UUID | str) -> Stream:
    """Return a stream with its seller and category; raises NotFound."""
    stream = visible_streams(user).select_related("seller", "category").filter(pk=stream_id).first()
    if stream is None:
        raise NotFound("There is no such stream.", code="stream_not_found")
    return stream


def own_stream(user: User, stream_id: UUID | str, *, lock: bool = False) -> Stream:
    """Return the user's own stream, its row locked when asked for (inside a transaction).

    Raises NotFound, or Forbidden for one that the user may see but that is somebody else's.
    """
    streams = Stream.objects.select_related("seller", "category")
    if lock:
        streams = streams.select_for_update(of=("self",), no_key=True)
    stream = streams.filter(pk=stream_id, seller=user).first()
    if stream is None:
        stream_visible_to(user, stream_id)
        raise Forbidden("This stream is somebody else's.", code="not_your_stream")
    return stream


@dataclass(frozen=True)
class Room:
    """A stream as one person meets it: what they may do in its chat."""

    stream: Stream
    is_trusted: bool
    is_muted: bool


# What `visible_streams` says, by hand: each chat line, reaction and coming asks this, and building the query
# through the ORM took 3 ms of the 6 that a message costs.
_ROOM = """
SELECT {columns},
  EXISTS (SELECT FROM accounts_follow
          WHERE follower_id = %(user)s AND followed_id = stream.seller_id) AS is_follower,
  EXISTS (SELECT FROM livestream_streammoderator
          WHERE stream_id = stream.id AND user_id = %(user)s) AS is_moderator,
  EXISTS (SELECT FROM livestream_streammute
          WHERE stream_id = stream.id AND user_id = %(user)s) AS is_muted
FROM livestream_stream AS stream JOIN accounts_user AS seller ON seller.id = stream.seller_id
WHERE stream.id = %(stream)s AND seller.is_active
  AND (stream.status <> 'cancelled' OR stream.seller_id = %(user)s)
  AND NOT {is_blocked}
"""


def room_of(user: User, stream_id: UUID | str) -> Room:
    """Return a stream that this person may watch. Raises NotFound, Forbidden (`followers_only`)."""
    sql = _ROOM.format(
        columns=columns_of(Stream, "stream"), is_blocked=blocked_between_sql("stream.seller_id", "%(user)s")
    )
    found = one_row(Stream, sql, {"user": user.pk, "stream": stream_id})
    if found is None:
        raise NotFound("There is no such stream.", code="stream_not_found")
    stream, (is_follower, is_moderator, is_muted) = found
    if not may_watch(user, stream, is_follower=is_follower):
        raise Forbidden("Only followers may watch this stream.", code="followers_only")
    return Room(stream, is_trusted=stream.seller_id == user.pk or is_moderator, is_muted=is_muted)


_IS_BLOCKED = blocked_between_sql("stream.seller_id", "viewer")
_UNWELCOME = f"""
SELECT viewer, stream.audience = 'followers' AND NOT {_IS_BLOCKED}
FROM livestream_stream AS stream, unnest(%(viewers)s::uuid[]) AS viewer
WHERE stream.id = %(stream)s AND (
  {_IS_BLOCKED}
  OR stream.audience = 'followers' AND NOT EXISTS (
    SELECT FROM accounts_follow WHERE follower_id = viewer AND followed_id = stream.seller_id))
"""  # noqa: S608 - our own words


def unwelcome_among(stream_id: UUID, viewer_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return which of those who were let in to watch may not any more, and the code of `room_of`'s refusal.

    The host is never asked about.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNWELCOME, {"stream": stream_id, "viewers": list(set(viewer_ids))})
        return {
            viewer_id: "followers_only" if is_for_followers else "stream_not_found"
            for viewer_id, is_for_followers in cursor.fetchall()
        }


def watchable_stream(user: User, stream_id: UUID | str) -> Stream:
    """Return a stream that this person may watch; raises as `room_of`."""
    return room_of(user, stream_id).stream


def may_watch(user: User, stream: Stream, *, is_follower: bool) -> bool:
    return stream.audience == Stream.Audience.EVERYONE or stream.seller_id == user.pk or is_follower


def moderated_stream(user: User, stream_id: UUID | str) -> Stream:
    """Return a stream whose chat this person keeps in order: its host, a moderator named by the host, staff.

    Raises NotFound or Forbidden.
    """
    if user.is_staff:
        stream = Stream.objects.filter(pk=stream_id).first()
        if stream is None:
            raise NotFound("There is no such stream.", code="stream_not_found")
        return stream
    room = room_of(user, stream_id)
    if not room.is_trusted:
        raise Forbidden("Only the host and the moderators may do this.", code="not_a_moderator")
    return room.stream


def locked_stream(stream_id: UUID | str) -> Stream:
    """Return a stream with its row locked, whoever asks: for jobs and the media server's callbacks."""
    return (
        Stream.objects.select_related("seller", "category")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=stream_id)
    )


def products_of(seller: User, product_ids: Sequence[UUID]) -> list[Product]:
    """Return the seller's own products on sale, in the order asked for.

    Raises ValidationFailed for one that doesn't exist or isn't on sale, Forbidden for somebody else's.
    """
    found = Product.objects.exclude(status=Product.Status.DELETED).in_bulk(list(product_ids))
    if any(product.seller_id != seller.pk for product in found.values()):
        raise Forbidden("A product is somebody else's.", code="not_your_product")
    wrong = [str(pk) for pk in product_ids if pk not in found or not found[pk].is_available]
    if wrong:
        raise ValidationFailed(details={"product_ids": [f"Not on sale: {', '.join(wrong)}."]})
    return [found[pk] for pk in product_ids]


def product_in(stream: Stream, product_id: UUID | str, *, lock: bool = False) -> StreamProduct:
    """Return a product as it is shown in a stream; raises NotFound."""
    shown = StreamProduct.objects.select_related("product")
    if lock:
        shown = shown.select_for_update(of=("self",))
    stream_product = shown.filter(stream=stream, product_id=product_id, removed_at=None).first()
    if stream_product is None:
        raise NotFound("This product isn't in the stream.", code="product_not_in_stream")
    return stream_product


def followed_by(user: User, seller_ids: Iterable[UUID]) -> set[UUID]:
    """Return which of these sellers the user follows."""
    return set(
        Follow.objects.filter(follower=user, followed__in=set(seller_ids)).values_list("followed", flat=True)
    )


def _follows(user: User, column: str) -> Exists:
    return Exists(Follow.objects.filter(follower=user, followed=OuterRef(column)))
