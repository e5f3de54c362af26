"""Products in a stream: put in, taken out, placed on the picture, tapped."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from accounts.models import User
from listings.models import Product
from listings.services.products import clear_live_stream, set_live_stream
from livestream import access, events, states
from livestream.models import ProductTag, Stream, StreamProduct
from soukloop.core.errors import Conflict


@transaction.atomic
def attach_product(*, actor: User, stream_id: UUID, product_id: UUID) -> StreamProduct:
    """Put one of one's own products into a stream, before or while it is live; twice is once.

    Raises NotFound, Forbidden, ValidationFailed, Conflict (`stream_products_limit`).
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    states.check(stream, "change_products")
    [product] = access.products_of(actor, [product_id])
    shown = StreamProduct.objects.filter(stream=stream, removed_at=None)
    if (present := shown.filter(product=product).first()) is not None:
        return present
    if shown.count() >= settings.STREAM_PRODUCTS_MAX:
        raise Conflict(
            f"A stream has at most {settings.STREAM_PRODUCTS_MAX} products.",
            code="stream_products_limit",
            details={"limit": settings.STREAM_PRODUCTS_MAX},
        )
    last = shown.aggregate(last=Max("position"))["last"]
    stream_product, _ = StreamProduct.objects.update_or_create(
        stream=stream,
        product=product,
        defaults={"position": 0 if last is None else last + 1, "removed_at": None},
    )
    if stream.is_live:
        set_live_stream(product_ids=[product.pk], stream_id=stream.pk)
    return stream_product


@transaction.atomic
def detach_product(*, actor: User, stream_id: UUID, product_id: UUID) -> Stream:
    """Take a product out of a stream; one that was shown live stays in the figures.

    Raises NotFound, Forbidden, Conflict.
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    states.check(stream, "change_products")
    stream_product = access.product_in(stream, product_id, lock=True)
    if not stream.is_live:
        stream_product.delete()
        return stream
    stream_product.removed_at = timezone.now()
    stream_product.save(update_fields=["removed_at"])
    clear_live_stream(stream_id=stream.pk, product_ids=[stream_product.product_id])
    events.product_untagged(stream.pk, stream_product.product_id, "removed")
    return stream


@transaction.atomic
def tag_product(
    *, actor: User, stream_id: UUID, product_id: UUID, x: float, y: float, timestamp_seconds: int
) -> StreamProduct:
    """Place a product on the picture, at so many seconds into the stream (contract 4.7).

    `x` and `y` go from 0 to 1. Raises NotFound, Forbidden, Conflict.
    """
    stream = access.own_stream(actor, stream_id)
    states.check(stream, "tag_product")
    shown = access.product_in(stream, product_id, lock=True)
    shown.tag_x, shown.tag_y, shown.tag_timestamp_seconds = x, y, timestamp_seconds
    shown.first_tagged_at = shown.first_tagged_at or timezone.now()
    shown.save(update_fields=["tag_x", "tag_y", "tag_timestamp_seconds", "first_tagged_at"])
    tag = ProductTag.objects.create(stream_product=shown, x=x, y=y, timestamp_seconds=timestamp_seconds)
    events.product_tagged(tag)
    return shown


@transaction.atomic
def click_product(*, actor: User, stream_id: UUID, product_id: UUID) -> StreamProduct:
    """Count a viewer's tap on a product, in the stream or in its replay; the host's own don't count.

    Raises NotFound, Forbidden, Conflict.
    """
    stream = access.watchable_stream(actor, stream_id)
    states.check(stream, "click_product")
    shown = access.product_in(stream, product_id)
    if stream.seller_id != actor.pk:
        StreamProduct.objects.filter(pk=shown.pk).update(clicks=F("clicks") + 1)
        shown.refresh_from_db(fields=["clicks"])
    return shown


def product_withdrawn(product: Product, reason: str) -> None:
    """Tell the room that a product was sold, hidden or deleted; the caller holds the product's row."""
    if product.live_stream_id is None:
        return
    events.product_untagged(product.live_stream_id, product.pk, reason)
    clear_live_stream(stream_id=product.live_stream_id, product_ids=[product.pk])
