"""What the apps above listings may register in `ready()`, so that listings needn't know of them."""

from collections.abc import Callable, Mapping

from accounts.models import User
from listings.models import Product

Withdrawn = Callable[[Product, str], None]
LiveStreamCounts = Callable[[], Mapping[str, int]]
SeesSold = Callable[[User, Product], bool]

_withdrawn: list[Withdrawn] = []
_live_stream_counts: list[LiveStreamCounts] = []
_sees_sold: list[SeesSold] = []


def on_product_withdrawn(callback: Withdrawn) -> None:
    """Have `callback(product, reason)` called when a product goes off sale.

    It runs in the transaction that withdraws it, the product's row locked; `reason` is `sold`, `hidden` or
    `deleted`. It may be called again for a product that was put back on sale since.
    """
    _withdrawn.append(callback)


def product_withdrawn(product: Product, reason: str) -> None:
    """Tell everyone who registered; for the services of listings."""
    for callback in _withdrawn:
        callback(product, reason)


def let_see_sold(judge: SeesSold) -> None:
    """Register what knows whether somebody (its buyer) may go on looking at a sold product."""
    _sees_sold.append(judge)


def may_see_sold(user: User, product: Product) -> bool:
    return any(judge(user, product) for judge in _sees_sold)


def count_live_streams_with(counter: LiveStreamCounts) -> None:
    """Register what knows how many streams are live now in each category (slug → count)."""
    _live_stream_counts.append(counter)


def live_stream_counts() -> dict[str, int]:
    """Return category slug → streams that are live now; empty while no app counts them."""
    counts: dict[str, int] = {}
    for counter in _live_stream_counts:
        for slug, count in counter().items():
            counts[slug] = counts.get(slug, 0) + count
    return counts
