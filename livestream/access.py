"""Which streams a person may see, watch, moderate or change, and which products they may show."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.blocks import blocked_between, blocked_between_sql
from accounts.models import Follow, User
from listings.error_codes import ListingsErrorCode
from listings.models import Product
from livestream.error_codes import LivestreamErrorCode
from livestream.models import Clip, Replay, Stream, StreamProduct, StreamQuerySet
from soukloop.core.db.reads import Statement, fetch
from soukloop.core.db.rows import columns_of, one_row
from soukloop.core.errors import Forbidden, NotAuthenticated, NotFound, ValidationFailed


def visible_streams(user: User | None) -> StreamQuerySet:
    """Return the streams this person may see: not those of a blocked seller, nor others' cancelled ones.

    A guest sees the streams for everyone alone.
    """
    if user is None:
        streams = Stream.objects.filter(audience=Stream.Audience.EVERYONE, seller__is_active=True)
        return streams.exclude(status=Stream.Status.CANCELLED)
    return (
        Stream.objects.exclude(Q(status=Stream.Status.CANCELLED) & ~Q(seller=user))
        .filter(seller__is_active=True)
        .exclude(blocked_between(user.pk, "seller_id"))
    )


def watchable_streams(user: User | None) -> StreamQuerySet:
    """Return the visible streams whose audience includes this person: all of them for staff."""
    if user is None or user.is_staff:
        return visible_streams(user)
    return visible_streams(user).filter(
        Q(audience=Stream.Audience.EVERYONE) | Q(seller=user) | _follows(user, "seller_id")
    )


def stream_visible_to(user: User | None, stream_id: UUID | str) -> Stream:
    """Return a stream with its seller and category; raises NotFound, for a guest NotAuthenticated.

    Staff see those of blocked and banned sellers, too.
    """
    if user is None:
        return _stream_for_guests(stream_id)
    streams = Stream.objects.all() if user.is_staff else visible_streams(user)
    stream = streams.select_related("seller", "category").filter(pk=stream_id).first()
    if stream is None:
        raise NotFound(_("Stream not found."), code=LivestreamErrorCode.STREAM_NOT_FOUND)
    return stream


def _stream_for_guests(stream_id: UUID | str) -> Stream:
    """Return a stream that somebody who isn't logged in may see and watch.

    Raises NotFound, or NotAuthenticated for a followers-only stream: a login may show it.
    """
    streams = Stream.objects.select_related("seller", "category").filter(seller__is_active=True)
    stream = streams.exclude(status=Stream.Status.CANCELLED).filter(pk=stream_id).first()
    if stream is None:
        raise NotFound(_("Stream not found."), code=LivestreamErrorCode.STREAM_NOT_FOUND)
    if stream.audience != Stream.Audience.EVERYONE:
        raise NotAuthenticated(_("Log in to watch a stream for followers."))
    return stream


def require_may_stream(user: User) -> None:
    """Raise Forbidden if this person may not create streams; to be called before fields are checked."""
    if user.role != User.Role.SELLER:
        raise Forbidden(_("Only sellers may create streams."), code=ListingsErrorCode.SELLERS_ONLY)


def own_stream(user: User, stream_id: UUID | str, *, lock: bool = False) -> Stream:
    """Return the user's own stream; `lock` locks its row, inside a transaction.

    Raises NotFound, or Forbidden for another seller's stream that the user may see.
    """
    streams = Stream.objects.select_related("seller", "category")
    if lock:
        streams = streams.select_for_update(of=("self",), no_key=True)
    stream = streams.filter(pk=stream_id, seller=user).first()
    if stream is None:
        stream_visible_to(user, stream_id)
        raise Forbidden(_("This stream belongs to another seller."), code=LivestreamErrorCode.NOT_YOUR_STREAM)
    return stream


class StreamAccess(NamedTuple):
    """A stream that a person may watch, and what they may do in its chat."""

    stream: Stream
    can_moderate: bool
    is_muted: bool


# The same rules as `visible_streams`, as plain SQL: every chat message, reaction and join runs this, and
# building the query with the ORM took 3 of the 6 ms per message.
_STREAM_ACCESS = """
SELECT {columns},
  EXISTS (SELECT FROM accounts_follow
          WHERE follower_id = %(user)s AND followed_id = stream.seller_id) AS is_follower,
  EXISTS (SELECT FROM livestream_streammoderator
          WHERE stream_id = stream.id AND user_id = %(user)s) AS is_moderator,
  EXISTS (SELECT FROM livestream_streammute
          WHERE stream_id = stream.id AND user_id = %(user)s) AS is_muted
FROM livestream_stream AS stream JOIN accounts_user AS seller ON seller.id = stream.seller_id
WHERE stream.id = %(stream)s AND (%(is_staff)s OR (
  seller.is_active
  AND (stream.status <> 'cancelled' OR stream.seller_id = %(user)s)
  AND NOT {is_blocked}))
"""


def stream_access(user: User, stream_id: UUID | str) -> StreamAccess:
    """Return a stream with this person's rights in it. Raises NotFound, Forbidden (`followers_only`).

    Staff may watch every stream.
    """
    sql = _STREAM_ACCESS.format(
        columns=columns_of(Stream, "stream"), is_blocked=blocked_between_sql("stream.seller_id", "%(user)s")
    )
    found = one_row(Stream, sql, {"user": user.pk, "is_staff": user.is_staff, "stream": stream_id})
    if found is None:
        raise NotFound(_("Stream not found."), code=LivestreamErrorCode.STREAM_NOT_FOUND)
    stream, (is_follower, is_moderator, is_muted) = found
    is_for_everyone = stream.audience == Stream.Audience.EVERYONE
    if not (is_for_everyone or stream.seller_id == user.pk or is_follower or user.is_staff):
        raise Forbidden(_("Only followers may watch this stream."), code=LivestreamErrorCode.FOLLOWERS_ONLY)
    return StreamAccess(stream, stream.seller_id == user.pk or is_moderator, is_muted)


class ViewerRights(NamedTuple):
    """What a person may do in a stream's chat."""

    is_moderator: bool
    is_muted: bool


def viewer_rights(user: User, stream: Stream) -> ViewerRights:
    """Return a person's rights in a stream that they may see; its host and staff moderate it, too."""
    sql = (
        "SELECT EXISTS (SELECT FROM livestream_streammoderator WHERE stream_id = %s AND user_id = %s),"
        " EXISTS (SELECT FROM livestream_streammute WHERE stream_id = %s AND user_id = %s)"
    )
    [(is_moderator, is_muted)] = fetch(Statement(sql, [stream.pk, user.pk, stream.pk, user.pk]))
    return ViewerRights(is_moderator or user.is_staff or stream.seller_id == user.pk, is_muted)


class PlayableStream(NamedTuple):
    """A stream whose video the holder of a media address may watch, and the state of its replay, if any."""

    stream: Stream
    replay_state: str | None


# The same rules as `watchable_streams`. It is asked for each viewer of a followers-only stream every 30 s;
# building the query with the ORM took longer than all the rest.
_PLAYABLE = f"""
SELECT {{columns}}, replay.state
FROM livestream_stream AS stream
  JOIN accounts_user AS seller ON seller.id = stream.seller_id
  LEFT JOIN livestream_replay AS replay ON replay.stream_id = stream.id
  LEFT JOIN accounts_user AS viewer ON viewer.id = %(viewer)s AND viewer.is_active
WHERE stream.public_id = %(public_id)s AND (
  viewer.is_staff
  OR seller.is_active AND %(viewer)s::uuid IS NULL AND stream.audience = 'everyone'
  OR seller.is_active AND viewer.id IS NOT NULL AND NOT {blocked_between_sql("stream.seller_id", "viewer.id")}
    AND (stream.audience = 'everyone' OR viewer.id = stream.seller_id OR EXISTS (
      SELECT FROM accounts_follow WHERE follower_id = viewer.id AND followed_id = stream.seller_id)))
"""  # noqa: S608 - contains no client input


def playable_stream(viewer_id: UUID | None, public_id: str) -> PlayableStream | None:
    """Return a stream if the holder of its media address may watch it, else None; no viewer is everybody.

    Staff may watch every stream.
    """
    sql = _PLAYABLE.format(columns=columns_of(Stream, "stream"))
    found = one_row(Stream, sql, {"viewer": viewer_id, "public_id": public_id})
    return None if found is None else PlayableStream(found[0], *found[1])


_IS_BLOCKED = blocked_between_sql("stream.seller_id", "viewer")
_NO_LONGER_ALLOWED = f"""
SELECT viewer, stream.audience = 'followers' AND NOT {_IS_BLOCKED}
FROM livestream_stream AS stream, unnest(%(viewers)s::uuid[]) AS viewer
WHERE stream.id = %(stream)s
  AND NOT EXISTS (SELECT FROM accounts_user WHERE id = viewer AND is_staff AND is_active) AND (
  {_IS_BLOCKED}
  OR stream.audience = 'followers' AND NOT EXISTS (
    SELECT FROM accounts_follow WHERE follower_id = viewer AND followed_id = stream.seller_id))
"""  # noqa: S608 - contains no client input


def no_longer_allowed(stream_id: UUID, viewer_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the viewers who may no longer watch a stream, with the error code they would get for joining.

    `viewer_ids` must not contain the host.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NO_LONGER_ALLOWED, {"stream": stream_id, "viewers": list(set(viewer_ids))})
        return {
            viewer_id: "followers_only" if is_no_follower else "stream_not_found"
            for viewer_id, is_no_follower in cursor.fetchall()
        }


def refusal_of_guests(stream_id: UUID) -> str | None:
    """Return why guests may no longer watch a stream, or None: a code as in `no_longer_allowed`."""
    audience = Stream.objects.filter(pk=stream_id).values_list("audience", flat=True).first()
    return None if audience == Stream.Audience.EVERYONE else "followers_only"


def watchable_stream(user: User | None, stream_id: UUID | str) -> Stream:
    """Return a stream that this person may watch; raises the errors of `stream_access`.

    For a guest it raises NotFound, or NotAuthenticated for a followers-only stream.
    """
    return _stream_for_guests(stream_id) if user is None else stream_access(user, stream_id).stream


def can_watch(user: User | None, stream: Stream) -> bool:
    """Return whether this person, who may see the stream, may also watch it."""
    if stream.audience == Stream.Audience.EVERYONE:
        return True
    if user is None:
        return False
    if stream.seller_id == user.pk or user.is_staff:
        return True
    return Follow.objects.filter(follower=user, followed=stream.seller_id).exists()


def clip_of(stream: Stream, clip_id: UUID | str, *, user: User | None) -> Clip:
    """Return a clip of a stream that this person may watch; raises NotFound, also while it isn't ready."""
    clip = clips_of(stream, user=user).filter(pk=clip_id).first()
    if clip is None:
        raise NotFound(_("Clip not found."), code=LivestreamErrorCode.CLIP_NOT_FOUND)
    return clip


def clips_of(stream: Stream, *, user: User | None) -> QuerySet[Clip]:
    """Return the clips that this person may see of a stream that they may watch; its seller sees all."""
    replay = getattr(stream, "replay", None)
    clips = Clip.objects.filter(stream=stream).order_by("-created_at", "-pk")
    if user is not None and stream.seller_id == user.pk:
        return clips
    if replay is None or replay.state == Replay.State.WITHDRAWN:
        return clips.none()
    return clips.filter(state=Clip.State.READY)


def moderated_stream(user: User, stream_id: UUID | str) -> Stream:
    """Return a stream whose chat this person may moderate, as its host, a moderator or staff.

    Raises NotFound or Forbidden.
    """
    if user.is_staff:
        stream = Stream.objects.filter(pk=stream_id).first()
        if stream is None:
            raise NotFound(_("Stream not found."), code=LivestreamErrorCode.STREAM_NOT_FOUND)
        return stream
    stream, can_moderate, _is_muted = stream_access(user, stream_id)
    if not can_moderate:
        raise Forbidden(
            _("Only the host and moderators may do this."), code=LivestreamErrorCode.NOT_A_MODERATOR
        )
    return stream


def lock_stream(stream_id: UUID | str) -> Stream:
    """Lock and return a stream without checking access: for jobs, callbacks and actors checked before."""
    return (
        Stream.objects.select_related("seller", "category")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=stream_id)
    )


def available_products_of(seller: User, product_ids: Sequence[UUID]) -> list[Product]:
    """Return the seller's products with these ids, in the order of the ids.

    Raises ValidationFailed if one doesn't exist or isn't on sale, Forbidden if one is another seller's.
    """
    found = Product.objects.exclude(status=Product.Status.DELETED).in_bulk(list(product_ids))
    if any(product.seller_id != seller.pk for product in found.values()):
        raise Forbidden(
            _("One of the products belongs to another seller."), code=ListingsErrorCode.NOT_YOUR_PRODUCT
        )
    unavailable = [str(pk) for pk in product_ids if pk not in found or not found[pk].is_available]
    if unavailable:
        message = _("These products aren't on sale: %(ids)s.") % {"ids": ", ".join(unavailable)}
        raise ValidationFailed(details={"product_ids": [message]})
    return [found[pk] for pk in product_ids]


def stream_product(stream: Stream, product_id: UUID | str, *, lock: bool = False) -> StreamProduct:
    """Return a product of a stream; `lock` locks its row, inside a transaction. Raises NotFound."""
    rows = StreamProduct.objects.select_related("product")
    if lock:
        rows = rows.select_for_update(of=("self",))
    found = rows.filter(stream=stream, product_id=product_id, removed_at=None).first()
    if found is None:
        raise NotFound(
            _("This product is not in the stream."), code=LivestreamErrorCode.PRODUCT_NOT_IN_STREAM
        )
    return found


def _follows(user: User, column: str) -> Exists:
    return Exists(Follow.objects.filter(follower=user, followed=OuterRef(column)))
