"""Creating, changing, hiding and deleting products."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.gis.geos import Point
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import lock_open_account
from accounts.models import User
from listings import hooks
from listings.access import own_product, require_may_list
from listings.category_counts import adjust_counts_on_commit, invalidate_counts_on_commit
from listings.error_codes import ListingsErrorCode
from listings.fees import fee_and_payout
from listings.locations import public_point
from listings.models import Category, Product
from listings.notification_kinds import PRODUCT_HIDDEN, PRODUCT_RESTORED
from listings.services import active_limit, favorite_notices
from listings.services.images import uploaded_image_name
from listings.services.product_videos import use_video
from listings.services.search_words import add_words
from listings.states import conflict_of, require_status
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Forbidden, NotFound, Text, ValidationFailed
from soukloop.core.jobs.queue import enqueue
from soukloop.core.staff.history import log_staff_action


@transaction.atomic
def create_product(
    *,
    actor: User,
    title: str,
    price: Decimal,
    category: Category,
    condition: str,
    feed_type: str,
    description: str = "",
    currency: str = settings.CURRENCY,
    location: Point | None = None,
    neighborhood: str = "",
    image_urls: list[str] | None = None,
    video_url: str = "",
    video_thumbnail_url: str = "",
    tags: list[str] | None = None,
    accepts_offers: bool = True,
    min_offer_price: Decimal | None = None,
    auto_accept_price: Decimal | None = None,
) -> Product:
    """Put a product on sale; the fee depends on its feed (contract 2.1, 2.2).

    Raises ValidationFailed for contradictory fields, Forbidden for a buyer, NotAuthenticated if the account
    was closed meanwhile, Conflict at the limit of active products.
    """
    require_may_list(actor)
    product = Product(
        seller=actor,
        title=title,
        description=description,
        price=price,
        currency=currency,
        category=category,
        condition=condition,
        feed_type=feed_type,
        location=location,
        neighborhood=neighborhood,
        image_urls=image_urls or [],
        video_url=video_url,
        video_thumbnail_url=video_thumbnail_url,
        tags=tags or [],
        accepts_offers=accepts_offers,
        min_offer_price=min_offer_price,
        auto_accept_price=auto_accept_price,
    )
    use_video(product)
    _validate_and_price(product)
    # A ban that was committed while waiting for the lock has closed only the existing products.
    seller = lock_open_account(actor.pk)
    active_limit.require_room(seller.pk)
    product.save(force_insert=True)
    add_words(product.title)
    _enqueue_thumbnail(product)
    adjust_counts_on_commit(product.category_id, total=1, active=1)
    return product


@transaction.atomic
def update_product(*, actor: User, product_id: UUID, changes: Mapping[str, Any]) -> Product:
    """Change some fields of a product; the fee is computed again from the price and the feed.

    When a product leaves Discover is kept, because its sales pay the fee of Discover for a while.
    Raises ValidationFailed, NotFound, Forbidden, Conflict for a reserved or sold product.
    """
    product = own_product(actor, product_id, lock=True)
    require_status(product, Product.Status.ACTIVE, Product.Status.INACTIVE, Product.Status.HIDDEN)
    if product.sold_at is not None:  # sold, then hidden
        raise conflict_of(Product.Status.SOLD)
    if product.reserved_at is not None:
        raise conflict_of(Product.Status.RESERVED)
    title, images, category = product.title, product.image_urls, product.category_id
    price, video, feed_type = product.price, product.video_url, product.feed_type
    for name, value in changes.items():
        setattr(product, name, value)
    if product.video_url != video:
        if "video_thumbnail_url" not in changes:
            product.video_thumbnail_url = ""  # that of the earlier video
        use_video(product)
    if feed_type == Product.FeedType.DISCOVER and product.feed_type != feed_type:
        product.left_discover_at = database_now()
    _validate_and_price(product)
    product.save()
    if product.price != price:
        favorite_notices.record_price_change(product, price)
    if product.title != title:
        add_words(product.title)
    if product.image_urls != images:
        _enqueue_thumbnail(product)
    if product.category_id != category:
        listed = int(product.is_listed)
        adjust_counts_on_commit(category, total=-1, active=-listed)
        adjust_counts_on_commit(product.category_id, total=1, active=listed)
    return product


@transaction.atomic
def delete_product(*, actor: User, product_id: UUID) -> None:
    """Delete a product; its row is kept for chats and sales. Raises Conflict if it is reserved or sold."""
    product = own_product(actor, product_id, lock=True)
    require_status(product, Product.Status.ACTIVE, Product.Status.INACTIVE, Product.Status.HIDDEN)
    adjust_counts_on_commit(product.category_id, total=-1, active=-int(product.is_listed))
    product.status = Product.Status.DELETED
    product.deleted_at = database_now()
    product.save(update_fields=["status", "deleted_at", "updated_at"])
    hooks.product_withdrawn(product, "deleted")


def set_live_stream(*, product_ids: Iterable[UUID], stream_id: UUID) -> None:
    """Mark products as shown in a live stream; the Discover feed lists them first."""
    Product.objects.filter(pk__in=list(product_ids)).update(live_stream_id=stream_id)


def clear_live_stream(*, stream_id: UUID, product_ids: Iterable[UUID] | None = None) -> None:
    """Undo `set_live_stream` for these products of the stream; without `product_ids`, for all."""
    products = Product.objects.filter(live_stream_id=stream_id)
    if product_ids is not None:
        products = products.filter(pk__in=list(product_ids))
    products.update(live_stream_id=None)


@transaction.atomic
def hide_product(*, actor: User, product_id: UUID, reason: str) -> Product:
    """Hide a product as staff from everyone except its seller, who can read the reason."""
    product = _product_for_staff(actor, product_id)
    require_status(
        product,
        Product.Status.ACTIVE,
        Product.Status.RESERVED,
        Product.Status.SOLD,
        Product.Status.INACTIVE,
    )
    adjust_counts_on_commit(product.category_id, active=-int(product.is_listed))
    product.status = Product.Status.HIDDEN
    product.hidden_reason = reason
    product.save(update_fields=["status", "hidden_reason", "updated_at"])
    log_staff_action(actor=actor, row=product, message=f"Hidden: {reason}")
    notify(
        user_ids=[product.seller_id],
        kind=PRODUCT_HIDDEN,
        params={"product": product.title, "reason": reason},
        data={"product_id": str(product.pk)},
    )
    hooks.product_withdrawn(product, "hidden")
    return product


@transaction.atomic
def restore_product(*, actor: User, product_id: UUID, reason: str) -> Product:
    """Undo `hide_product`: the product is on sale again, or reserved or sold if it was so before.

    Raises Conflict if the product isn't hidden, or if the seller has reached the limit of active products.
    """
    product = _product_for_staff(actor, product_id, lock_seller=True)
    require_status(product, Product.Status.HIDDEN)
    if product.sold_at is None:
        active_limit.require_room(product.seller_id)
    product.status = _status_before_hiding(product)
    product.hidden_reason = ""
    # `seller_closed` isn't saved, because a ban that is waiting for this row will set it.
    product.save(update_fields=["status", "hidden_reason", "updated_at"])
    adjust_counts_on_commit(product.category_id, active=int(product.is_listed))
    log_staff_action(actor=actor, row=product, message=f"Restored: {reason}")
    notify(
        user_ids=[product.seller_id],
        kind=PRODUCT_RESTORED,
        params={"product": product.title},
        data={"product_id": str(product.pk)},
    )
    return product


def mark_seller_closed(seller: User) -> None:
    """Remove the products of a banned or deleted seller from all lists; their status doesn't change.

    Doesn't call `hooks.product_withdrawn`, because other apps register with the hooks of accounts.
    """
    _set_seller_closed(seller, is_closed=True)


def mark_seller_open(seller: User) -> None:
    """List the products of a seller again after their ban was lifted."""
    _set_seller_closed(seller, is_closed=False)


def _set_seller_closed(seller: User, *, is_closed: bool) -> None:
    with transaction.atomic():
        Product.objects.filter(seller=seller, seller_closed=not is_closed).update(seller_closed=is_closed)
        invalidate_counts_on_commit()


def _product_for_staff(actor: User, product_id: UUID, *, lock_seller: bool = False) -> Product:
    if not actor.is_staff:
        raise Forbidden
    if lock_seller:  # before the product, in the same order as a ban
        seller_ids = Product.objects.filter(pk=product_id).values("seller_id")
        User.objects.select_for_update(no_key=True).filter(pk__in=seller_ids).first()
    products = Product.objects.select_for_update(of=("self",)).select_related("seller")
    product = products.filter(pk=product_id).first()
    if product is None:
        raise NotFound(_("Product not found."), code=ListingsErrorCode.PRODUCT_NOT_FOUND)
    return product


def _status_before_hiding(product: Product) -> Product.Status:
    if product.sold_at is not None:
        return Product.Status.SOLD
    return Product.Status.RESERVED if product.reserved_at is not None else Product.Status.ACTIVE


def _enqueue_thumbnail(product: Product) -> None:
    if uploaded_image_name(product):
        enqueue("listings.make_thumbnail", product_id=str(product.pk))


def _validate_and_price(product: Product) -> None:
    """Validate fields that depend on each other; set the fee, payout, public location and thumbnail."""
    problems: dict[str, list[Text]] = {}
    if product.feed_type == Product.FeedType.DISCOVER and not product.video_url:
        problems["video_url"] = [_("A Discover product needs a video.")]
    if product.feed_type == Product.FeedType.COMMUNITY and product.location is None:
        problems["location"] = [_("A Community product needs a location.")]
    minimum, auto_accept = product.min_offer_price, product.auto_accept_price
    if minimum is not None and minimum > product.price:
        problems["min_offer_price"] = [_("The minimum offer can't be above the price.")]
    if auto_accept is not None and auto_accept > product.price:
        problems["auto_accept_price"] = [_("The auto-accept price can't be above the price.")]
    elif auto_accept is not None and minimum is not None and auto_accept < minimum:
        problems["auto_accept_price"] = [_("The auto-accept price can't be below the minimum offer.")]
    if problems:
        raise ValidationFailed(details=problems)
    product.platform_fee, product.seller_payout = fee_and_payout(product.price, product.feed_type)
    if product.location is None:
        product.public_location = None
    else:
        product.public_location = public_point(product.location, seller_id=product.seller_id)
    images = product.image_urls
    product.thumbnail_url = product.video_thumbnail_url or (images[0] if images else "")
