"""Facets of a search (contract 2.5): how many matches have which category, price range and condition."""

from typing import Any, NamedTuple

from django.conf import settings

_BOUNDS = settings.PRICE_FACETS
COUNTS_SQL = f"""
SELECT (SELECT count(*) FROM matches) AS counted, (
  SELECT json_agg(json_build_array(kind, category_id, condition, bucket, n) ORDER BY n DESC, category_id)
  FROM (
    SELECT grouping(category_id, condition, bucket) AS kind, category_id, condition, bucket, count(*) AS n
    FROM (
      SELECT category_id, condition, width_bucket(price, ARRAY{_BOUNDS}::numeric[]) AS bucket FROM matches
    ) matches
    GROUP BY GROUPING SETS ((category_id), (condition), (bucket))
  ) counts
) AS facets
"""
"""Counts the rows of a CTE named `matches`: one row of their number and the facets as JSON."""

# The values of `grouping`: a bit is set for each column that was not grouped by.
_BY_CATEGORY, _BY_CONDITION, _BY_PRICE = 0b011, 0b101, 0b110


class FacetCount(NamedTuple):
    """One of the arrays in the JSON of COUNTS_SQL."""

    kind: int
    category: str | None
    condition: str | None
    price_bucket: int | None
    matches: int


def facets_body(rows: list[list[Any]] | None) -> dict[str, Any]:
    """Return the facets as clients see them; price ranges come cheapest first, the others by count."""
    counts = [FacetCount._make(row) for row in rows or []]
    buckets = sorted((one.price_bucket or 0, one.matches) for one in counts if one.kind == _BY_PRICE)
    return {
        "categories": [
            {"category": one.category, "count": one.matches} for one in counts if one.kind == _BY_CATEGORY
        ],
        "price_ranges": [{**_price_range(bucket), "count": count} for bucket, count in buckets],
        "conditions": [
            {"condition": one.condition, "count": one.matches} for one in counts if one.kind == _BY_CONDITION
        ],
    }


def _price_range(bucket: int) -> dict[str, Any]:
    least = _BOUNDS[bucket - 1] if bucket else 0
    if bucket == len(_BOUNDS):
        return {"label": f"{settings.CURRENCY} {least}+", "min_price": least, "max_price": None}
    return {
        "label": f"{settings.CURRENCY} {least}-{_BOUNDS[bucket]}",
        "min_price": least,
        "max_price": _BOUNDS[bucket],
    }
