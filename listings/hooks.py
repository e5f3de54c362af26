"""Hooks with which other apps register callbacks, and functions that combine the callbacks' results."""

from collections.abc import Mapping
from typing import Any

from accounts.models import User
from listings.models import Product
from listings.rooms import product_room
from soukloop.core.hooks import Hook

product_withdrawn: Hook[[Product, str], None] = Hook()
"""`callback(product, reason)`: a product was withdrawn; `reason` is `hidden` or `deleted`.

Called in the transaction that withdraws the product, with its row locked; called again if the product is
restored and withdrawn again. A sale doesn't call it, because the offers app makes the sale.
"""

sold_viewer_check: Hook[[User, Product], bool] = Hook()
"""`callback(user, product)`: whether this user may see the sold product, as its buyer."""

room_showing_product: Hook[[Product], str | None] = Hook()
"""`callback(product)`: the room of the live stream that is showing the product, or None."""

viewer_dealings: Hook[[User, Product], Mapping[str, Any]] = Hook()
"""`callback(user, product)`: what this user and the product's seller have begun about it.

A mapping with `my_conversation`, `my_offer` or `buying`, as `MyConversationOutput`, `MyOfferOutput` and
`BuyingOutput`, or None. Not called for the seller.
"""

live_stream_counter: Hook[[], Mapping[str, int]] = Hook()
"""`callback()`: category slug → number of live streams."""


def may_view_sold(user: User, product: Product) -> bool:
    """Return whether a callback allows this user to see a sold product."""
    return any(sold_viewer_check(user, product))


def dealings_of(user: User | None, product: Product) -> dict[str, Any]:
    """Return the `my_conversation`, `my_offer` and `buying` of a product's page; None for its seller."""
    dealings: dict[str, Any] = {"my_conversation": None, "my_offer": None, "buying": None}
    if user is not None and user.pk != product.seller_id:
        for found in viewer_dealings(user, product):
            dealings |= found
    return dealings


def rooms_showing(product: Product) -> list[str]:
    """Return the rooms whose members watch the product: its own and its live stream's."""
    return [product_room(product.pk), *filter(None, room_showing_product(product))]


def live_stream_counts() -> dict[str, int]:
    """Return category slug → number of live streams, the sum of what the callbacks return."""
    counts: dict[str, int] = {}
    for counted in live_stream_counter():
        for slug, count in counted.items():
            counts[slug] = counts.get(slug, 0) + count
    return counts
