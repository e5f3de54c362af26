"""Facets of a search (contract 2.5): the numbers of matches by category, price range and condition."""

from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext

from listings.labels import condition_label

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
"""Returns one row with the number of rows of a CTE named `matches`, and their facets as JSON."""

# The values of `grouping`, in which a bit is set for each column that isn't grouped by.
_BY_CATEGORY, _BY_CONDITION, _BY_PRICE = 0b011, 0b101, 0b110


class FacetCount(NamedTuple):
    """One of the arrays in the JSON of COUNTS_SQL."""

    kind: int
    category: str | None
    condition: str | None
    price_bucket: int | None
    matches: int


def facets_body(rows: list[list[Any]] | None) -> dict[str, Any]:
    """Return the facets as clients see them: price ranges from the cheapest, the others by count."""
    facets = [FacetCount._make(row) for row in rows or []]
    buckets = sorted((facet.price_bucket or 0, facet.matches) for facet in facets if facet.kind == _BY_PRICE)
    return {
        "categories": [
            {"category": facet.category, "count": facet.matches}
            for facet in facets
            if facet.kind == _BY_CATEGORY
        ],
        "price_ranges": [{**_price_range(bucket), "count": count} for bucket, count in buckets],
        "conditions": [
            {
                "condition": facet.condition,
                "label": condition_label(facet.condition or ""),
                "count": facet.matches,
            }
            for facet in facets
            if facet.kind == _BY_CONDITION
        ],
    }


def _price_range(bucket: int) -> dict[str, Any]:
    min_price = _BOUNDS[bucket - 1] if bucket else 0
    currency = gettext("AED") if settings.CURRENCY == "AED" else settings.CURRENCY
    if bucket == len(_BOUNDS):
        # Translators: a range of prices without an upper end: "AED 1000+".
        label = gettext("%(currency)s %(min)s+") % {"currency": currency, "min": min_price}
        return {"label": label, "min_price": min_price, "max_price": None}
    max_price = _BOUNDS[bucket]
    # Translators: a range of prices: "AED 100-250".
    label = gettext("%(currency)s %(min)s-%(max)s")
    label %= {"currency": currency, "min": min_price, "max": max_price}
    return {"label": label, "min_price": min_price, "max_price": max_price}
