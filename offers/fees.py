"""Which feed's fee a sale pays: the highest of those in which the product was in OFFER_FEE_KEPT_FOR.

Otherwise a seller could move a product to the cheaper feed just before it is bought, and back afterwards.
"""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from listings.fees import fee_rate
from listings.models import Product


def recent_feed_types(product: Product, now: datetime) -> set[str]:
    """Return the product's feed, and Discover as well if it left that in OFFER_FEE_KEPT_FOR."""
    feed_types = {product.feed_type}
    left_at = product.left_discover_at
    if left_at is not None and left_at > now - settings.OFFER_FEE_KEPT_FOR:
        feed_types.add(Product.FeedType.DISCOVER)
    return feed_types


def highest_fee_feed_type(feed_types: Iterable[str]) -> str:
    """Return the feed type with the highest fee rate of today."""
    return max(feed_types, key=fee_rate)
