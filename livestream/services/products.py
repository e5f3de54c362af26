"""Adding, removing and tagging the products of a stream, and counting taps on them."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max
from django.utils.translation import ngettext_lazy

from accounts.models import User
from listings.models import Product
from listings.services.products import clear_live_stream, set_live_stream
from livestream import access, events, states
from livestream.error_codes import LivestreamErrorCode
from livestream.models import ProductClick, ProductTag, Stream, StreamProduct
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict


@transaction.atomic
def add_product(*, actor: User, stream_id: UUID, product_id: UUID) -> StreamProduct:
    """Add one of the host's products to a scheduled or live stream; adding it again changes nothing.

    Raises NotFound, Forbidden, ValidationFailed, Conflict (`stream_products_limit`).
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    states.require_allowed(stream, "change_products")
    [product] = access.available_products_of(actor, [product_id])
    current = StreamProduct.objects.filter(stream=stream, removed_at=None)
    if (existing := current.filter(product=product).first()) is not None:
        return existing
    if current.count() >= settings.STREAM_PRODUCTS_MAX:
        raise Conflict(
            ngettext_lazy(
                "A stream has at most %(limit)d product.", "A stream has at most %(limit)d products.", "limit"
            ),
            params={"limit": settings.STREAM_PRODUCTS_MAX},
            code=LivestreamErrorCode.STREAM_PRODUCTS_LIMIT,
            details={"limit": settings.STREAM_PRODUCTS_MAX},
        )
    last = current.aggregate(last=Max("position"))["last"]
    stream_product, _ = StreamProduct.objects.update_or_create(
        stream=stream,
        product=product,
        defaults={"position": 0 if last is None else last + 1, "removed_at": None},
    )
    if stream.is_live:
        set_live_stream(product_ids=[product.pk], stream_id=stream.pk)
    return stream_product


@transaction.atomic
def remove_product(*, actor: User, stream_id: UUID, product_id: UUID) -> Stream:
    """Remove a product from a stream; if it was shown while the stream was live, the analytics keep it.

    Raises NotFound, Forbidden, Conflict.
    """
    stream = access.own_stream(actor, stream_id, lock=True)
    states.require_allowed(stream, "change_products")
    stream_product = access.stream_product(stream, product_id, lock=True)
    if not stream.is_live:
        stream_product.delete()
        return stream
    stream_product.removed_at = database_now()
    stream_product.save(update_fields=["removed_at"])
    clear_live_stream(stream_id=stream.pk, product_ids=[stream_product.product_id])
    events.publish_product_untagged(stream.pk, stream_product.product_id, "removed")
    return stream


@transaction.atomic
def tag_product(
    *, actor: User, stream_id: UUID, product_id: UUID, x: float, y: float, timestamp_seconds: int
) -> StreamProduct:
    """Tag a product at a position in the video (contract 4.7).

    `x` and `y` are from 0 to 1, `timestamp_seconds` counts from the start of the stream. Raises NotFound,
    Forbidden, Conflict.
    """
    stream = access.own_stream(actor, stream_id)
    states.require_allowed(stream, "tag_product")
    stream_product = access.stream_product(stream, product_id, lock=True)
    stream_product.tag_x, stream_product.tag_y = x, y
    stream_product.tag_timestamp_seconds = timestamp_seconds
    stream_product.first_tagged_at = stream_product.first_tagged_at or database_now()
    stream_product.save(update_fields=["tag_x", "tag_y", "tag_timestamp_seconds", "first_tagged_at"])
    tag = ProductTag.objects.create(
        stream_product=stream_product, x=x, y=y, timestamp_seconds=timestamp_seconds
    )
    events.publish_product_tagged(tag)
    return stream_product


@transaction.atomic
def click_product(*, actor: User, stream_id: UUID, product_id: UUID) -> StreamProduct:
    """Count a viewer who taps a product, in the stream or its replay, once; the host isn't counted.

    Raises NotFound, Forbidden, Conflict.
    """
    stream = access.watchable_stream(actor, stream_id)
    states.require_allowed(stream, "click_product")
    stream_product = access.stream_product(stream, product_id)
    if stream.seller_id != actor.pk:
        _, is_new = ProductClick.objects.get_or_create(stream_product=stream_product, user=actor)
        if is_new:
            StreamProduct.objects.filter(pk=stream_product.pk).update(clicks=F("clicks") + 1)
        stream_product.refresh_from_db(fields=["clicks"])
    return stream_product


def remove_withdrawn_product(product: Product, reason: str) -> None:
    """Remove a hidden or deleted product from its live stream; the caller has locked the product's row."""
    if product.live_stream_id is None:
        return
    events.publish_product_untagged(product.live_stream_id, product.pk, reason)
    clear_live_stream(stream_id=product.live_stream_id, product_ids=[product.pk])
