"""Which products a user may see or change."""

from collections.abc import Iterable
from functools import cache
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from accounts.blocks import blocked_between_sql
from accounts.models import User
from listings import hooks
from listings.error_codes import ListingsErrorCode
from listings.models import Product, VideoUpload
from soukloop.core.db.clock import database_now
from soukloop.core.db.rows import columns_of, one_row, take_instance
from soukloop.core.errors import Forbidden, NotFound


@cache
def _product_sql() -> str:
    """Return the statement that everything about a product begins with.

    By hand: for the ORM, building its two queries took longer than all else in a request (`bench/api`).
    """
    return (
        f"SELECT {columns_of(Product, 'product')}, {columns_of(User, 'seller')},"  # noqa: S608 - our names
        f" {blocked_between_sql('seller.id', '%(user)s::uuid')}"
        " FROM listings_product AS product JOIN accounts_user AS seller ON seller.id = product.seller_id"
        " WHERE product.id = %(product)s AND product.status <> 'deleted'"
    )


def product_visible_to(user: User | None, product_id: UUID | str) -> Product:
    """Return a product with its seller; `user` is None for an anonymous request.

    Raises NotFound if the product is deleted, hidden or sold, if its seller is banned or deleted, or if there
    is a block between the seller and the user. Sellers see all their own products that aren't deleted. A sold
    product is also visible to the users that `hooks.sold_viewer_check` allows (its buyer).
    """
    params = {"user": user.pk if user else None, "product": product_id}
    found = one_row(Product, _product_sql(), params)
    if found is None:
        raise _product_not_found()
    product, others = found
    product.seller, (is_blocked,) = take_instance(User, others)
    if user is not None and product.seller_id == user.pk:
        return product
    is_visible = product.status in (Product.Status.ACTIVE, Product.Status.RESERVED) or (
        product.status == Product.Status.SOLD and user is not None and hooks.may_view_sold(user, product)
    )
    if not is_visible or product.seller_closed or is_blocked:
        raise _product_not_found()
    return product


_NO_LONGER_VISIBLE = f"""
SELECT product.id, watcher.id
FROM unnest(%(products)s::uuid[], %(watchers)s::uuid[]) AS watched (product_id, watcher_id)
JOIN listings_product AS product ON product.id = watched.product_id
JOIN accounts_user AS watcher ON watcher.id = watched.watcher_id
WHERE product.status = 'deleted' OR product.seller_id <> watcher.id AND (
  product.status = 'hidden' OR product.seller_closed
  OR {blocked_between_sql("product.seller_id", "watcher.id")})
"""  # noqa: S608 - contains no client input


def no_longer_visible(watched: Iterable[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Return those pairs of product and watcher in which the watcher must no longer follow the product.

    Who watches a product that is sold or inactive may go on: it may be on sale again.
    """
    products, watchers = zip(*watched, strict=True) if (watched := list(watched)) else ((), ())
    with connection.cursor() as cursor:
        cursor.execute(_NO_LONGER_VISIBLE, {"products": list(products), "watchers": list(watchers)})
        return set(cursor.fetchall())


def require_may_list(user: User) -> None:
    """Raise Forbidden if this person may not put products on sale; to be called before fields are checked."""
    if user.role != User.Role.SELLER:
        raise Forbidden(_("Only sellers may list products."), code=ListingsErrorCode.SELLERS_ONLY)


def require_may_upload_videos(user: User) -> None:
    """Raise Forbidden if this person may not upload videos."""
    if user.role != User.Role.SELLER:
        raise Forbidden(_("Only sellers may upload videos."), code=ListingsErrorCode.SELLERS_ONLY)


def own_product(user: User, product_id: UUID | str, *, lock: bool = False) -> Product:
    """Return the user's own product; `lock` locks its row, inside a transaction.

    Raises NotFound, or Forbidden for another seller's product that the user may see.
    """
    products = Product.objects.select_related("seller", "category")
    if lock:
        products = products.select_for_update(of=("self",))
    product = products.exclude(status=Product.Status.DELETED).filter(pk=product_id, seller=user).first()
    if product is None:
        product_visible_to(user, product_id)
        raise Forbidden(_("This product belongs to another seller."), code=ListingsErrorCode.NOT_YOUR_PRODUCT)
    return product


def own_video(user: User, video_id: UUID, *, lock: bool = False) -> VideoUpload:
    """Return the user's own uploaded video; raises NotFound, also once an unfinished upload has expired."""
    videos = VideoUpload.objects.filter(pk=video_id, owner=user)
    video = (videos.select_for_update() if lock else videos).first()
    is_uploading = video is not None and video.state == VideoUpload.State.UPLOADING
    if video is None or (is_uploading and video.expires_at <= database_now()):
        raise NotFound(_("Video not found."), code=ListingsErrorCode.VIDEO_NOT_FOUND)
    return video


def _product_not_found() -> NotFound:
    return NotFound(_("Product not found."), code=ListingsErrorCode.PRODUCT_NOT_FOUND)
