"""Reserving a product, selling it, and putting it back on sale; the caller has locked its row."""

from collections.abc import Collection
from uuid import UUID

from listings import events
from listings.category_counts import adjust_counts_on_commit
from listings.models import Product
from listings.services import active_limit, favorite_notices
from listings.states import require_status
from soukloop.core.db.clock import database_now


def reserve(*, product: Product) -> None:
    """Reserve a product for a buyer, so that it leaves all lists; the caller has locked its row.

    It still counts as one of its seller's active products. Raises Conflict unless it is on sale.
    """
    require_status(product, Product.Status.ACTIVE)
    adjust_counts_on_commit(product.category_id, active=-int(product.is_listed))
    product.status = Product.Status.RESERVED
    product.reserved_at = database_now()
    product.save(update_fields=["status", "reserved_at", "updated_at"])
    events.publish_product_reserved(product)


def release_reservation(*, product: Product) -> None:
    """Undo `reserve`: the product is on sale again; the caller has locked its row.

    A product that has been hidden or deleted since then keeps that status.
    """
    if product.status == Product.Status.RESERVED:
        product.status = Product.Status.ACTIVE
        adjust_counts_on_commit(product.category_id, active=int(product.is_listed))
        events.publish_product_available(product)
    product.reserved_at = None
    # `seller_closed` isn't saved, because a ban that is waiting for this row will set it.
    product.save(update_fields=["status", "reserved_at", "updated_at"])


def mark_sold(*, product: Product, notified: Collection[UUID] = ()) -> None:
    """Mark a product as sold; the caller has locked its row.

    Raises Conflict unless it is on sale or reserved. The people whose favourite it is are notified, but for
    those whom the caller has `notified`. Doesn't call `hooks.product_withdrawn`, because the caller closes
    the other offers.
    """
    require_status(product, Product.Status.ACTIVE, Product.Status.RESERVED)
    adjust_counts_on_commit(product.category_id, active=-int(product.is_listed))
    product.status = Product.Status.SOLD
    product.sold_at, product.reserved_at = database_now(), None
    product.save(update_fields=["status", "sold_at", "reserved_at", "updated_at"])
    favorite_notices.enqueue_notifying_of_sale(product, without=notified)


def put_back_on_sale(*, product: Product) -> None:
    """Put a product back on sale after its sale was cancelled; the caller has locked its row.

    A product that has been hidden or deleted since then keeps that status. If the seller has as many active
    products as allowed, it becomes inactive and is put on sale by a job once there is room. Raises Conflict
    unless the product was sold.
    """
    if product.sold_at is None:
        require_status(product, Product.Status.SOLD)
    if product.status == Product.Status.SOLD:
        has_room = active_limit.has_room(product.seller_id)
        product.status = Product.Status.ACTIVE if has_room else Product.Status.INACTIVE
        adjust_counts_on_commit(product.category_id, active=int(product.is_listed))
        if has_room:
            events.publish_product_available(product)
    product.sold_at = None
    # `seller_closed` isn't saved, because a ban that is waiting for this row will set it.
    product.save(update_fields=["status", "sold_at", "updated_at"])
