"""Which products a user may see or change."""

from uuid import UUID

from accounts.blocks import is_blocked_between
from accounts.models import User
from listings import hooks
from listings.models import Product
from soukloop.core.errors import Forbidden, NotFound


def product_visible_to(user: User | None, product_id: UUID | str) -> Product:
    """Return a product with its seller and category; `user` is None for an anonymous request.

    Raises NotFound if the product is deleted, hidden or sold, if its seller is banned or deleted, or if there
    is a block between the seller and the user. Sellers see all their own products that aren't deleted. A sold
    product is also visible to the users that `hooks.sold_viewer_check` allows (its buyer).
    """
    product = (
        Product.objects.select_related("seller", "category")
        .exclude(status=Product.Status.DELETED)
        .filter(pk=product_id)
        .first()
    )
    if product is not None and (user is None or product.seller_id != user.pk):
        is_visible = product.status in (Product.Status.ACTIVE, Product.Status.RESERVED) or (
            product.status == Product.Status.SOLD and user is not None and hooks.may_view_sold(user, product)
        )
        if (
            not is_visible
            or product.seller_closed
            or (user is not None and is_blocked_between(user.pk, product.seller_id))
        ):
            product = None
    if product is None:
        raise NotFound("Product not found.", code="product_not_found")
    return product


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
        raise Forbidden("This product belongs to another seller.", code="not_your_product")
    return product
