"""Finding products by words (contract 2.5)."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from listings.models import Product
from listings.queries import ListQuery
from listings.selectors.cards import Viewer, card, card_columns
from listings.selectors.pages import Where, hide_blocked, list_body, listed_where, ordered_page
from listings.selectors.words import corrected_text, searchable
from soukloop.core.db.reads import Reads, Statement
from soukloop.core.errors import ValidationFailed
from soukloop.core.http.pagination import cursor_time, decode_cursor, encode_cursor

# A title's word counts for more than any number of words in a description.
_WEIGHTS = "'{0.02, 0.1, 0.3, 1.0}'"
# What a document calls the four weeks it was listed in (migration 0003), and how many are tried apart.
_PERIOD = 28 * 24 * 3600
_PERIODS = 13
_MATCH = "p.id, p.category_id, p.condition, p.price, p.created_at"


def search_products(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of matches with facets; when nothing matches, of what was probably meant."""
    found = yield from _search(query, viewer)
    if found["total"] or not query.text:
        return {**found, "corrected_query": None}
    corrected = yield from corrected_text(query.text, viewer=viewer)
    if corrected is None:
        return {**found, "corrected_query": None}
    found = yield from _search(replace(query, text=corrected), viewer)
    return {**found, "corrected_query": corrected}


def similar_products(
    product: Product, *, viewer: Viewer | None, limit: int = 12
) -> Reads[list[dict[str, Any]]]:
    """Return what shares most of a product's words, in its category and near its price."""
    words = " or ".join(re.findall(r"\w+", product.title)[:12])
    where = Where()
    where.add("p.status = 'active' AND NOT p.seller_closed AND p.id <> %s", product.pk)
    where.add("p.category_id = %s", product.category_id)
    where.add("p.price BETWEEN %s AND %s", product.price * Decimal("0.4"), product.price * Decimal("2.5"))
    hide_blocked(where, viewer)
    columns, column_params = card_columns(None, viewer)
    asked = yield from _asked(words)
    if asked:
        matches, params = _freshest_matches(where, asked, 400)
    else:  # a title of smiles: its category and price have to do
        matches, params = _matches(where, "", limit, is_ranked=False)
    rows = yield Statement(
        f"WITH matches AS MATERIALIZED ({matches}) SELECT {columns}"
        " FROM (SELECT id, score, created_at FROM matches"
        f" ORDER BY score DESC, created_at DESC LIMIT {limit}) best"
        " JOIN listings_product p ON p.id = best.id JOIN accounts_user s ON s.id = p.seller_id"
        " ORDER BY best.score DESC, best.created_at DESC",
        [*params, *column_params],
    )
    return [card(row, 0) for row in rows]


def _search(query: ListQuery, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    where = listed_where(viewer, query)
    asked = yield from _asked(query.text)
    if query.text and not asked:
        where.add("false")  # a smile or a comma is in no title
    if query.sort == "relevance":
        return (yield from _best_page(query, where, asked, viewer))
    limit = settings.SEARCH_CONSIDERED_MAX
    matches, params = _matches(where, asked, limit + 1, is_ranked=False)
    [(counted, facets)] = yield Statement(f"WITH matches AS MATERIALIZED ({matches}) {_FACETS}", params)
    if asked:
        where.add("p.search_document @@ %s::tsquery", asked)
    # What is rare is found by its words and sorted; what is common is soon met in the list's own order.
    page = yield from ordered_page(where, query, viewer=viewer)
    return {
        **page,
        "total": min(counted, limit),
        "total_is_exact": counted <= limit,
        "facets": _facets(facets or []),
    }


def _best_page(query: ListQuery, where: Where, asked: str, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Rank the matches and count them for the facets in one statement; two where they are very many.

    Unless PostgreSQL expects very many, all matches are asked for. Where they turn out to be more than
    SEARCH_CONSIDERED_MAX, it stopped at the oldest, so the freshest are asked for instead.
    """
    size, limit = query.page.size, settings.SEARCH_CONSIDERED_MAX
    offset = 0 if query.cursor else query.page.offset
    columns, column_params = card_columns(query.place, viewer)
    after, after_params = "true", []
    if query.cursor:
        sort, *position = decode_cursor(query.cursor, str, float, cursor_time, UUID)
        if sort != query.sort:
            raise ValidationFailed(details={"cursor": ["This cursor belongs to another sort."]})
        after, after_params = "(score, created_at, id) < (%s::float8, %s, %s)", position

    def ranked(matches: str, params: list[Any], *, has_one_plan: bool = False) -> Statement:
        return Statement(
            f"WITH matches AS MATERIALIZED ({matches}), facets AS ({_FACETS})"
            f" SELECT facets.counted, facets.facets, best.score, best.created_at::text, {columns}"
            f" FROM facets LEFT JOIN (SELECT * FROM matches WHERE {after}"
            f" ORDER BY score DESC, created_at DESC, id DESC OFFSET {offset} LIMIT {size + 1}) best ON true"
            " LEFT JOIN listings_product p ON p.id = best.id"
            " LEFT JOIN accounts_user s ON s.id = p.seller_id"
            " ORDER BY best.score DESC, best.created_at DESC, best.id DESC",
            [*params, *column_params, *after_params],
            has_one_plan,
        )

    expected = (yield from _expected(where, asked)) if asked else 0
    counted = limit + 1 if expected > 2 * limit else 0
    if not counted:
        rows = yield ranked(*_matches(where, asked, limit + 1, is_ranked=True))
        counted = rows[0][0]
    if counted > limit and asked:
        # Of words alone it is always the same indexes; to read and plan it took a millisecond of fourteen.
        rows = yield ranked(*_freshest_matches(where, asked, limit), has_one_plan=not where.params)
        counted = limit + 1 if rows[0][0] == limit else rows[0][0]
    facets = rows[0][1]
    rows = [row for row in rows if row[2] is not None]
    cursor = None
    if len(rows) > size:
        rows = rows[:size]
        _, _, score, created_at, _, _, pk, *_ = rows[-1]
        cursor = encode_cursor(query.sort, score, created_at, pk)
    items = [card(row, 4) for row in rows]
    return {**list_body(items, query, counted, limit, cursor), "facets": _facets(facets or [])}


def _asked(text: str) -> Reads[str]:
    """Return what the text asks for, worked out once: a statement names it many times over."""
    if not text:
        return ""
    sql = "SELECT listings_search_query(%s)::text"
    [(asked,)] = yield Statement(sql, [searchable(text)], has_one_plan=True)
    return str(asked)


def _expected(where: Where, asked: str) -> Reads[int]:
    """Return how many matches the planner expects; it knows how common each word is."""
    [(plan,)] = yield Statement(
        "EXPLAIN (FORMAT JSON) SELECT 1 FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ %s::tsquery",
        [*where.params, asked],
    )
    return int(plan[0]["Plan"]["Plan Rows"])


def _matches(where: Where, asked: str, limit: int, *, is_ranked: bool) -> tuple[str, list[Any]]:
    """Return a subquery of at most `limit` matches and their scores; without words, of the freshest."""
    if not asked:
        return (
            f"SELECT {_MATCH}, 0::float8 AS score FROM listings_product p WHERE {where.sql}"
            f" ORDER BY p.created_at DESC, p.id DESC LIMIT {limit}",
            where.params,
        )
    score, score_params = (_SCORE, [asked]) if is_ranked else ("0::float8", [])
    return (
        f"SELECT {_MATCH}, {score} AS score FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ %s::tsquery LIMIT {limit}",
        [*score_params, *where.params, asked],
    )


def _freshest_matches(where: Where, asked: str, limit: int) -> tuple[str, list[Any]]:
    """Return a subquery of `limit` matches of something common, from the freshest on.

    Each four weeks are one intersection inside the GIN index, because they are a word of the documents;
    PostgreSQL tries them one after the other and stops at the limit.
    """
    this_period = int(timezone.now().timestamp()) // _PERIOD
    oldest = datetime.fromtimestamp((this_period - _PERIODS + 1) * _PERIOD, UTC)
    matching = (
        f"(SELECT {_MATCH}, {_SCORE} AS score FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ %s::tsquery"
    )
    selects, params = [], []
    for period in range(this_period, this_period - _PERIODS, -1):
        selects.append(f"{matching})")
        params += [asked, *where.params, f"({asked}) & '~{period}'"]
    selects.append(f"{matching} AND p.created_at < %s)")
    params += [asked, *where.params, asked, oldest]
    return f"SELECT * FROM ({' UNION ALL '.join(selects)}) periods LIMIT {limit}", params


_SCORE = f"round(ts_rank({_WEIGHTS}, p.search_document, %s::tsquery)::numeric, 3)::float8"
_BOUNDS = settings.PRICE_FACETS
_FACETS = f"""
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
# What `grouping` says of each: a bit for every column that was not grouped by.
_BY_CATEGORY, _BY_CONDITION, _BY_BUCKET = 0b011, 0b101, 0b110


def _facets(counts: list[list[Any]]) -> dict[str, Any]:
    """Name the counts (contract 2.5): categories, price ranges from the cheapest, conditions."""
    ranges = sorted((bucket, n) for kind, _, _, bucket, n in counts if kind == _BY_BUCKET)
    return {
        "categories": [
            {"category": slug, "count": n} for kind, slug, _, _, n in counts if kind == _BY_CATEGORY
        ],
        "price_ranges": [{**_price_range(bucket), "count": n} for bucket, n in ranges],
        "conditions": [
            {"condition": name, "count": n} for kind, _, name, _, n in counts if kind == _BY_CONDITION
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
