"""The only door to a product for a user."""

from uuid import UUID

from accounts.blocks import is_blocked_between
from accounts.models import User
from listings import hooks
from listings.models import Product
from soukloop.core.errors import Forbidden, NotFound


def product_visible_to(user: User | None, product_id: UUID | str) -> Product:
    """Return a product with its seller and category; `user` is None where nobody is logged in.

    Raises NotFound for one that is deleted, hidden or sold, whose seller is banned or gone, or of somebody
    who is blocked either way. The seller himself sees all of his but the deleted, and whoever an upper app
    vouches for (its buyer) sees a sold one.
    """
    product = (
        Product.objects.select_related("seller", "category")
        .exclude(status=Product.Status.DELETED)
        .filter(pk=product_id)
        .first()
    )
    if product is not None and (user is None or product.seller_id != user.pk):
        is_seen = product.status in (Product.Status.ACTIVE, Product.Status.RESERVED) or (
            product.status == Product.Status.SOLD and user is not None and hooks.may_view_sold(user, product)
        )
        if (
            not is_seen
            or product.seller_closed
            or (user is not None and is_blocked_between(user.pk, product.seller_id))
        ):
            product = None
    if product is None:
        raise NotFound("There is no such product.", code="product_not_found")
    return product


def own_product(user: User, product_id: UUID | str, *, lock: bool = False) -> Product:
    """Return the user's own product, its row locked when asked for (inside a transaction).

    Raises NotFound, or Forbidden for one that the user may see but that is somebody else's.
    """
    products = Product.objects.select_related("seller", "category")
    if lock:
        products = products.select_for_update(of=("self",))
    product = products.exclude(status=Product.Status.DELETED).filter(pk=product_id, seller=user).first()
    if product is None:
        product_visible_to(user, product_id)
        raise Forbidden("This product is somebody else's.", code="not_your_product")
    return product
