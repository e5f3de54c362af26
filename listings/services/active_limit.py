"""The limit of active products a seller, and products that wait until there is room for them."""

import logging
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils.translation import ngettext_lazy

from listings import events
from listings.category_counts import adjust_counts_on_commit
from listings.error_codes import ListingsErrorCode
from listings.models import Product
from listings.notification_kinds import PRODUCT_ON_SALE_AGAIN
from notifications.services.notify import notify
from soukloop.core.errors import Conflict

logger = logging.getLogger(__name__)
Status = Product.Status


def lock_and_count_active(seller_id: UUID) -> int:
    """Return how many active products a seller has; nobody else's transaction adds one until this one ends.

    The lock is an advisory one and taken last, after the rows of the seller and the product: a sale that is
    cancelled has locked the product, while a ban locks the seller before the products.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"active_products:{seller_id}"]
        )
    return Product.objects.filter(seller=seller_id, status__in=[Status.ACTIVE, Status.RESERVED]).count()


def has_room(seller_id: UUID) -> bool:
    """Lock the seller's count, and return whether another product may become active."""
    return lock_and_count_active(seller_id) < settings.ACTIVE_PRODUCTS_MAX


def require_room(seller_id: UUID) -> None:
    """Lock the seller's count, and raise Conflict at the limit."""
    if not has_room(seller_id):
        raise Conflict(
            ngettext_lazy(
                "A seller may have at most %(limit)d active product.",
                "A seller may have at most %(limit)d active products.",
                "limit",
            ),
            params={"limit": settings.ACTIVE_PRODUCTS_MAX},
            code=ListingsErrorCode.ACTIVE_PRODUCTS_LIMIT,
            details={"limit": settings.ACTIVE_PRODUCTS_MAX},
        )


def put_waiting_products_on_sale() -> int:
    """Put inactive products on sale whose sellers have room again, the oldest first; return how many."""
    returned = 0
    waiting = Product.objects.filter(status=Status.INACTIVE).order_by("seller_id", "updated_at", "id")
    full: set[UUID] = set()
    for product_id, seller_id in waiting.values_list("id", "seller_id"):
        if seller_id in full:
            continue
        try:
            if _put_on_sale_if_room(product_id, seller_id):
                returned += 1
            else:
                full.add(seller_id)
        except OperationalError as error:  # a row was locked for too long; the next run tries again
            logger.warning("putting product %s on sale failed: %s", product_id, error)
    return returned


def _put_on_sale_if_room(product_id: UUID, seller_id: UUID) -> bool:
    with transaction.atomic():
        product = Product.objects.select_for_update(of=("self",)).get(pk=product_id)
        if not has_room(seller_id):
            return False
        if product.status != Status.INACTIVE:  # deleted or hidden meanwhile
            return True
        product.status = Status.ACTIVE
        # `seller_closed` isn't saved, because a ban that is waiting for this row will set it.
        product.save(update_fields=["status", "updated_at"])
        adjust_counts_on_commit(product.category_id, active=int(product.is_listed))
        events.publish_product_available(product)
        notify(
            user_ids=[seller_id],
            kind=PRODUCT_ON_SALE_AGAIN,
            params={"product": product.title},
            data={"product_id": str(product.pk)},
        )
        return True
