"""Full-text search (contract 2.5), and similar products."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from listings.models import Product
from listings.queries import ListQuery
from listings.selectors import facets
from listings.selectors.cards import CardRow, Viewer, card_columns, card_row, cards
from listings.selectors.conditions import Where, listed_for, matching
from listings.selectors.pages import card_page_body, ordered_page
from listings.selectors.suggestions import corrected_text, without_dash_runs
from soukloop.core.db.reads import Reads, Statement
from soukloop.core.errors import ValidationFailed
from soukloop.core.http.pagination import cursor_time, decode_cursor, encode_cursor

# Of words in the description, category, tags and title: one in the title outweighs many in a description.
_WEIGHTS = "'{0.02, 0.1, 0.3, 1.0}'"
_SCORE = f"round(ts_rank({_WEIGHTS}, p.search_document, %s::tsquery)::numeric, 3)::float8"
_MATCH_COLUMNS = "p.id, p.category_id, p.condition, p.price, p.created_at"
# A document contains the number of the four-week period in which it was listed (migration 0003). The _PERIODS
# latest ones are searched one by one.
_PERIOD_SECONDS = 28 * 24 * 3600
_PERIODS = 13
# `similar_products` ranks this many of the newest matches.
_SIMILAR_RANKED = 400


class RankedRow(NamedTuple):
    """A row of the relevance statement; if nothing matches, a single one with an empty score and card."""

    counted: int
    facet_counts: list[list[Any]] | None
    score: float | None
    created_at: str
    card: CardRow


def search_products(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of matches with facets; if nothing matches, search again with typos corrected."""
    body = yield from _search(query, viewer)
    if body["total"] or not query.text:
        return {**body, "corrected_query": None}
    corrected = yield from corrected_text(query.text, viewer=viewer)
    if corrected is None:
        return {**body, "corrected_query": None}
    body = yield from _search(replace(query, text=corrected), viewer)
    return {**body, "corrected_query": corrected}


def similar_products(
    product: Product, *, viewer: Viewer | None, limit: int = 12
) -> Reads[list[dict[str, Any]]]:
    """Return the products in the same category and price range with the most words of this title."""
    words = " or ".join(re.findall(r"\w+", product.title)[:12])
    where = listed_for(viewer)
    where.add("p.id <> %s", product.pk)
    where.add("p.category_id = %s", product.category_id)
    where.add("p.price BETWEEN %s AND %s", product.price * Decimal("0.4"), product.price * Decimal("2.5"))
    columns, column_params = card_columns(None, viewer)
    tsquery = yield from _to_tsquery(words)
    if tsquery:
        matches, params = _newest_matches(where, tsquery, _SIMILAR_RANKED)
    else:  # the title has no words, only emoji or punctuation
        matches, params = _matches(where, "", limit, is_ranked=False)
    rows = yield Statement(
        f"WITH matches AS MATERIALIZED ({matches}) SELECT {columns}"
        " FROM (SELECT id, score, created_at FROM matches"
        f" ORDER BY score DESC, created_at DESC LIMIT {limit}) best"
        " JOIN listings_product p ON p.id = best.id JOIN accounts_user s ON s.id = p.seller_id"
        " ORDER BY best.score DESC, best.created_at DESC",
        [*params, *column_params],
    )
    return cards(map(card_row, rows))


def _search(query: ListQuery, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    where = matching(query, viewer)
    tsquery = yield from _to_tsquery(query.text)
    if query.text and not tsquery:
        where.add("false")  # only emoji or punctuation, which no document contains
    if query.sort == "relevance":
        return (yield from _relevance_page(query, where, tsquery, viewer))
    limit = settings.SEARCH_CONSIDERED_MAX
    matches, params = _matches(where, tsquery, limit + 1, is_ranked=False)
    [(counted, facet_counts)] = yield Statement(
        f"WITH matches AS MATERIALIZED ({matches}) {facets.COUNTS_SQL}", params
    )
    if tsquery:
        where.add("p.search_document @@ %s::tsquery", tsquery)
    # PostgreSQL finds rare words by the GIN index and sorts the matches; for common words it reads the list
    # in order, where matches are frequent.
    page = yield from ordered_page(where, query, viewer=viewer)
    return {
        **page,
        "total": min(counted, limit),
        "total_is_exact": counted <= limit,
        "facets": facets.facets_body(facet_counts),
    }


def _relevance_page(
    query: ListQuery, where: Where, tsquery: str, viewer: Viewer | None
) -> Reads[dict[str, Any]]:
    """Rank the matches and count the facets, in one statement, or in two if there are too many matches.

    All matches are read unless PostgreSQL estimates that there are too many. If they are more than
    SEARCH_CONSIDERED_MAX, the newest ones may be missing, so a second statement reads only the newest ones.
    """
    size, limit = query.page.size, settings.SEARCH_CONSIDERED_MAX
    offset = 0 if query.cursor else query.page.offset
    columns, column_params = card_columns(query.place, viewer)
    after, after_params = "true", []
    if query.cursor:
        sort, *position = decode_cursor(query.cursor, str, float, cursor_time, UUID)
        if sort != query.sort:
            raise ValidationFailed(details={"cursor": [_("This cursor belongs to another sort order.")]})
        after, after_params = "(score, created_at, id) < (%s::float8, %s, %s)", position

    def rank(matches: str, params: list[Any], *, has_one_plan: bool = False) -> Reads[list[RankedRow]]:
        rows = yield Statement(
            f"WITH matches AS MATERIALIZED ({matches}), facets AS ({facets.COUNTS_SQL})"
            f" SELECT facets.counted, facets.facets, best.score, best.created_at::text, {columns}"
            f" FROM facets LEFT JOIN (SELECT * FROM matches WHERE {after}"
            f" ORDER BY score DESC, created_at DESC, id DESC OFFSET {offset} LIMIT {size + 1}) best ON true"
            " LEFT JOIN listings_product p ON p.id = best.id"
            " LEFT JOIN accounts_user s ON s.id = p.seller_id"
            " ORDER BY best.score DESC, best.created_at DESC, best.id DESC",
            [*params, *column_params, *after_params],
            has_one_plan,
        )
        return [RankedRow(row[0], row[1], row[2], row[3], card_row(row[4:])) for row in rows]

    estimated = (yield from _estimated_matches(where, tsquery)) if tsquery else 0
    counted = limit + 1 if estimated > 2 * limit else 0
    if not counted:
        rows = yield from rank(*_matches(where, tsquery, limit + 1, is_ranked=True))
        counted = rows[0].counted
    if counted > limit and tsquery:
        # Without other conditions the best plan is always the same; planning took 1 of the statement's 14 ms.
        newest = _newest_matches(where, tsquery, limit)
        rows = yield from rank(*newest, has_one_plan=not where.params)
        counted = limit + 1 if rows[0].counted == limit else rows[0].counted
    facet_counts = rows[0].facet_counts
    rows = [row for row in rows if row.score is not None]
    cursor = None
    if len(rows) > size:
        rows = rows[:size]
        last = rows[-1]
        cursor = encode_cursor(query.sort, last.score, last.created_at, last.card.id)
    page = card_page_body(cards(row.card for row in rows), query, counted, limit, cursor)
    return {**page, "facets": facets.facets_body(facet_counts)}


def _to_tsquery(text: str) -> Reads[str]:
    """Return the text as a tsquery, evaluated once because statements contain it many times."""
    if not text:
        return ""
    sql = "SELECT listings_search_query(%s)::text"
    [(tsquery,)] = yield Statement(sql, [without_dash_runs(text)], has_one_plan=True)
    return str(tsquery)


def _estimated_matches(where: Where, tsquery: str) -> Reads[int]:
    """Return the planner's estimate of the number of matches, from its statistics of words."""
    [(plan,)] = yield Statement(
        "EXPLAIN (FORMAT JSON) SELECT 1 FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ %s::tsquery",
        [*where.params, tsquery],
    )
    return int(plan[0]["Plan"]["Plan Rows"])


def _matches(where: Where, tsquery: str, limit: int, *, is_ranked: bool) -> tuple[str, list[Any]]:
    """Return a SELECT of at most `limit` matches with their scores; without a tsquery, of the newest ones."""
    if not tsquery:
        return (
            f"SELECT {_MATCH_COLUMNS}, 0::float8 AS score FROM listings_product p WHERE {where.sql}"
            f" ORDER BY p.created_at DESC, p.id DESC LIMIT {limit}",
            where.params,
        )
    score, score_params = (_SCORE, [tsquery]) if is_ranked else ("0::float8", [])
    return (
        f"SELECT {_MATCH_COLUMNS}, {score} AS score FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ %s::tsquery LIMIT {limit}",
        [*score_params, *where.params, tsquery],
    )


def _newest_matches(where: Where, tsquery: str, limit: int) -> tuple[str, list[Any]]:
    """Return a SELECT of the `limit` newest matches of common words.

    Every document contains its period's number as a word, so each period is one intersection in the GIN
    index. PostgreSQL reads one period after another and stops at the limit.
    """
    this_period = int(timezone.now().timestamp()) // _PERIOD_SECONDS
    oldest = datetime.fromtimestamp((this_period - _PERIODS + 1) * _PERIOD_SECONDS, UTC)
    select = (
        f"(SELECT {_MATCH_COLUMNS}, {_SCORE} AS score FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ %s::tsquery"
    )
    selects, params = [], []
    for period in range(this_period, this_period - _PERIODS, -1):
        selects.append(f"{select})")
        params += [tsquery, *where.params, f"({tsquery}) & '~{period}'"]
    selects.append(f"{select} AND p.created_at < %s)")
    params += [tsquery, *where.params, tsquery, oldest]
    return f"SELECT * FROM ({' UNION ALL '.join(selects)}) periods LIMIT {limit}", params
