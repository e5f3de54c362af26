"""Reads of streams and of the products in them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import CharField, Count, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import Follow, User
from livestream.access import visible_streams, watchable_streams
from livestream.models import Stream, StreamProduct
from soukloop.core.errors import NotAuthenticated


def with_card_fields(streams: QuerySet[Stream], viewer: User | None) -> QuerySet[Stream]:
    """Add what `serializers.streams.card_body` needs to the query.

    That is the seller, the replay, `product_count`, `cover_url` (the first product's picture), and
    `is_following`: whether the viewer follows the seller.
    """
    shown = StreamProduct.objects.filter(stream=OuterRef("pk"), removed_at=None).order_by()
    first = shown.order_by("position", "pk").annotate(
        cover=Coalesce("product__image_urls__0", "product__video_thumbnail_url", output_field=CharField())
    )
    follows = Follow.objects.filter(follower=viewer, followed=OuterRef("seller"))
    return (
        streams.select_related("seller", "replay")
        .defer("seller__location")
        .annotate(
            product_count=Coalesce(
                Subquery(shown.values("stream").annotate(count=Count("pk")).values("count")), 0
            ),
            cover_url=Coalesce(Subquery(first.values("cover")[:1]), Value("")),
            is_following=Value(False) if viewer is None else Exists(follows),
        )
    )


def stream_with_card_fields(stream_id: UUID, viewer: User | None) -> Stream:
    """Return one stream with its card fields; the caller has checked that the viewer may see it."""
    return with_card_fields(Stream.objects.all(), viewer).get(pk=stream_id)


def list_streams(
    user: User | None,
    *,
    status: str | None = None,
    category: str | None = None,
    seller_id: UUID | None = None,
    mine: bool = False,
) -> QuerySet[Stream]:
    """Return the streams this person may watch, or with `mine` all of their own, newest first.

    Raises NotAuthenticated for `mine` of a guest.
    """
    if not mine:
        streams = watchable_streams(user).exclude(status=Stream.Status.CANCELLED)
    elif user is None:
        raise NotAuthenticated
    else:
        streams = visible_streams(user).of_seller(user.pk)
    if status:
        streams = streams.filter(status=status)
    if category:
        streams = streams.filter(category=category)
    if seller_id:
        streams = streams.filter(seller=seller_id)
    return with_card_fields(streams, user).order_by("-created_at", "pk")


def list_live_streams(user: User | None, *, category: str | None = None) -> QuerySet[Stream]:
    """Return the live streams this person may watch, the most watched first."""
    streams = watchable_streams(user).live()
    if category:
        streams = streams.filter(category=category)
    return with_card_fields(streams, user).order_by("-viewer_count", "-started_at", "pk")


def products_in_stream(stream: Stream) -> list[StreamProduct]:
    """Return a stream's products, ordered by position."""
    return list(
        stream.stream_products.filter(removed_at=None).select_related("product").order_by("position", "pk")
    )


def featured_product(products: Sequence[StreamProduct]) -> StreamProduct | None:
    """Return the product of a stream that its host showed last, as `product:tagged` announced it, or None."""
    shown = [each for each in products if each.tag_timestamp_seconds is not None]
    return max(shown, key=lambda each: (each.tag_timestamp_seconds, each.pk), default=None)


def live_counts_by_category() -> Mapping[str, int]:
    """Return category slug → number of live streams."""
    rows = Stream.objects.live().filter(seller__is_active=True).values("category_id").order_by()
    return dict(rows.annotate(count=Count("pk")).values_list("category_id", "count"))
