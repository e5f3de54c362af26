"""Redis keys: cached category counts, and views not yet saved."""

CATEGORY_COUNTS = "category_counts"  # contract 2.6, 5 min: hash of counts, with a field `complete`
CATEGORY_COUNTS_REFRESH = "category_counts:refresh"  # string, 20 s: a process is counting
PRODUCT_VIEWS = "product_views"  # hash product id → views not yet written to PostgreSQL
PRODUCT_VIEWS_BATCH = "product_views:batch"  # the hash being written; `batch` is its id in PostgreSQL
