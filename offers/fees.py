"""Which feed's fee a sale pays: the highest in which buyer and seller negotiated about the product."""

from collections.abc import Iterable

from listings.fees import fee_rate


def highest_fee_feed_type(feed_types: Iterable[str]) -> str:
    """Return the feed type with the highest fee rate of today."""
    return max(feed_types, key=fee_rate)
