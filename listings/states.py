"""The statuses that a product must have for an action, and the errors of those it must not have."""

from collections.abc import Callable

from django.utils.translation import gettext_lazy as _

from listings.error_codes import ListingsErrorCode
from listings.models import Product
from soukloop.core.errors import Conflict

# Every code is written out, so that it can be searched for and a test can compare it with docs/errors.md.
_CONFLICTS: dict[Product.Status, Callable[[], Conflict]] = {
    Product.Status.ACTIVE: lambda: Conflict(
        _("This product is active."), code=ListingsErrorCode.PRODUCT_ACTIVE
    ),
    Product.Status.RESERVED: lambda: Conflict(
        _("This product is reserved."), code=ListingsErrorCode.PRODUCT_RESERVED
    ),
    Product.Status.SOLD: lambda: Conflict(_("This product is sold."), code=ListingsErrorCode.PRODUCT_SOLD),
    Product.Status.INACTIVE: lambda: Conflict(
        _("This product is inactive."), code=ListingsErrorCode.PRODUCT_INACTIVE
    ),
    Product.Status.HIDDEN: lambda: Conflict(
        _("This product is hidden."), code=ListingsErrorCode.PRODUCT_HIDDEN
    ),
    Product.Status.DELETED: lambda: Conflict(
        _("This product is deleted."), code=ListingsErrorCode.PRODUCT_DELETED
    ),
}


def require_status(product: Product, *allowed: str) -> None:
    """Raise Conflict unless the product has one of these statuses."""
    if product.status not in allowed:
        error = conflict_of(Product.Status(product.status))
        error.details = {"status": product.status}
        raise error


def conflict_of(status: Product.Status) -> Conflict:
    """Return the error of a product that has this status, and must not have it."""
    return _CONFLICTS[status]()
