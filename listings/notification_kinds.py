"""Kinds of notification about products."""

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, declare_kind

PRODUCT_ON_SALE_AGAIN = declare_kind(
    Kind(
        name="product_on_sale_again",
        label=_("Products on sale again"),
        when="A product that waited for room among the active ones is on sale again",
        title=_("Your product is on sale again"),
        body="%(product)s",
        link="products/{product_id}",
        collapse_key="product:{product_id}",
        example_params={"product": "Nike Air Jordan 1"},
        example_data={"product_id": "e2c1a4f0-9a53-4b0e-8f0b-6f0f2f1c7d10"},
    )
)
