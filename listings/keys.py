"""Redis keys: cached category counts, who viewed products, and views not yet saved."""

from uuid import UUID

CATEGORY_COUNTS = "category_counts"  # contract 2.6, 5 min: hash of counts, with a field `complete`
CATEGORY_COUNTS_REFRESH = "category_counts:refresh"  # string, 20 s: a process is counting
PRODUCT_VIEWS = "product_views"  # hash product id → views not yet written to PostgreSQL
PRODUCT_VIEWS_BATCH = "product_views:batch"  # the hash being written; `batch` is its id in PostgreSQL


def product_viewers(period: int, product_id: UUID | str) -> str:
    """Set, PRODUCT_VIEWS_PERIOD: ids of the people whose view in this period is counted."""
    return f"product_viewers:{period}:{product_id}"


def product_viewers_at(period: int, product_id: UUID | str, address: str) -> str:
    """Set, PRODUCT_VIEWS_PERIOD: digests of the browsers at one address, for people who aren't logged in."""
    return f"product_viewers:{period}:{product_id}:{address}"
