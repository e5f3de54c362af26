"""Hooks that upper apps register with: a withdrawn product, who may see a sold one, live streams."""

from collections.abc import Mapping

from accounts.models import User
from listings.models import Product
from listings.rooms import product_room
from soukloop.core.hooks import Hook

product_withdrawn: Hook[[Product, str], None] = Hook()
"""`callback(product, reason)`: a product is no longer for sale; `reason` is `sold`, `hidden` or `deleted`.

Called in the transaction that withdraws it, the product's row locked. May be called again for a product that
was put back on sale since.
"""

sold_viewer_check: Hook[[User, Product], bool] = Hook()
"""`callback(user, product)`: whether this person (its buyer) may still see a sold product."""

room_showing_product: Hook[[Product], str | None] = Hook()
"""`callback(product)`: a room in which the product is shown at present, besides its own; or None."""

live_stream_counter: Hook[[], Mapping[str, int]] = Hook()
"""`callback()`: category slug → streams that are live now."""


def may_view_sold(user: User, product: Product) -> bool:
    """Return whether an upper app lets this user see a sold product."""
    return any(sold_viewer_check(user, product))


def rooms_showing(product: Product) -> list[str]:
    """Return the rooms whose members are looking at the product: its own first."""
    return [product_room(product.pk), *filter(None, room_showing_product(product))]


def live_stream_counts() -> dict[str, int]:
    """Return category slug → streams that are live now."""
    counts: dict[str, int] = {}
    for counted in live_stream_counter():
        for slug, count in counted.items():
            counts[slug] = counts.get(slug, 0) + count
    return counts
