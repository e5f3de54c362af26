"""Hooks that upper apps register with, and functions that combine what their callbacks return."""

from collections.abc import Mapping

from accounts.models import User
from listings.models import Product
from listings.rooms import product_room
from soukloop.core.hooks import Hook

product_withdrawn: Hook[[Product, str], None] = Hook()
"""`callback(product, reason)`: a product was withdrawn; `reason` is `hidden` or `deleted`.

Called in the transaction that withdraws it, with the product's row locked; once for each withdrawal of a
product that was restored in between. A sale doesn't call it: offers make the sale themselves.
"""

sold_viewer_check: Hook[[User, Product], bool] = Hook()
"""`callback(user, product)`: whether this user (its buyer) may see the sold product."""

room_showing_product: Hook[[Product], str | None] = Hook()
"""`callback(product)`: the room of the live stream that shows the product now, or None."""

live_stream_counter: Hook[[], Mapping[str, int]] = Hook()
"""`callback()`: category slug → number of live streams."""


def may_view_sold(user: User, product: Product) -> bool:
    """Return whether an upper app lets this user see a sold product."""
    return any(sold_viewer_check(user, product))


def rooms_showing(product: Product) -> list[str]:
    """Return the rooms whose members watch the product: its own and its live stream's."""
    return [product_room(product.pk), *filter(None, room_showing_product(product))]


def live_stream_counts() -> dict[str, int]:
    """Return category slug → number of live streams, summed over the callbacks."""
    counts: dict[str, int] = {}
    for counted in live_stream_counter():
        for slug, count in counted.items():
            counts[slug] = counts.get(slug, 0) + count
    return counts
