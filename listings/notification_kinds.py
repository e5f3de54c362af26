"""Kinds of notification about products."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, declare_kind

_PRODUCT = "Nike Air Jordan 1"
_DATA = {"product_id": "e2c1a4f0-9a53-4b0e-8f0b-6f0f2f1c7d10"}

PRODUCT_ON_SALE_AGAIN = declare_kind(
    Kind(
        name="product_on_sale_again",
        label=_("Products on sale again"),
        when="A product that waited for room among the active ones is on sale again",
        title=_("Your product is on sale again"),
        body="%(product)s",
        link="products/{product_id}",
        collapse_key="product:{product_id}",
        example_params={"product": _PRODUCT},
        example_data=_DATA,
    )
)
PRODUCT_HIDDEN = declare_kind(
    Kind(
        name="product_hidden",
        label=_("Products hidden by our staff"),
        when="Staff hide your product, with their reason",
        title=_("Our staff hid your product"),
        body=_("%(product)s. Reason: %(reason)s"),
        link="products/{product_id}",
        collapse_key="product:{product_id}",
        expires_after=timedelta(days=7),
        example_params={"product": _PRODUCT, "reason": "The pictures show another product"},
        example_data=_DATA,
    )
)
PRODUCT_RESTORED = declare_kind(
    Kind(
        name="product_restored",
        label=_("Products shown again"),
        when="Staff show your product again, which they had hidden",
        title=_("Your product is shown again"),
        body="%(product)s",
        link="products/{product_id}",
        collapse_key="product:{product_id}",
        expires_after=timedelta(days=7),
        example_params={"product": _PRODUCT},
        example_data=_DATA,
    )
)
FAVORITE_SOLD = declare_kind(
    Kind(
        name="favorite_sold",
        label=_("Favourites that are sold"),
        when="A product among your favourites was sold to somebody else",
        title=_("One of your favourites was sold"),
        body="%(product)s",
        link="favorites",
        collapse_key="favorite:{product_id}",
        replaces_unread=True,
        example_params={"product": _PRODUCT},
        example_data=_DATA,
    )
)
PRICE_DROP = declare_kind(
    Kind(
        name="price_drop",
        label=_("Favourites that cost less"),
        when=(
            "A product among your favourites costs at least 5 % less than in the last 30 days; once a day, "
            "and two minutes after the change, so that a mistyped price can be corrected"
        ),
        title=_("Now %(price)s instead of %(earlier_price)s"),
        body="%(product)s",
        link="products/{product_id}",
        collapse_key="favorite:{product_id}",
        replaces_unread=True,
        example_params={
            "product": _PRODUCT,
            "price": {"amount": "680.00", "currency": "AED"},
            "earlier_price": {"amount": "850.00", "currency": "AED"},
        },
        example_data=_DATA,
    )
)
