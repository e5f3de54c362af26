"""Pages of product cards: their order, cursors and totals.

These are the most frequent statements. They are plain SQL, so that PostgreSQL uses the plans that were
measured (docs/performance.md) and rows become dictionaries without model instances. A selector here is a
generator that yields statements and is sent their rows, so a view can run it over Django's connection and
`fast_reads` over an asynchronous one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from listings.queries import ListQuery, Place
from listings.selectors.cards import CardRow, Viewer, card_columns, card_row, cards
from listings.selectors.conditions import DISTANCE, Where, ecef
from soukloop.core.db.reads import Reads, Statement
from soukloop.core.errors import ValidationFailed
from soukloop.core.http.pagination import cursor_number, cursor_time, decode_cursor, encode_cursor


@dataclass(frozen=True)
class Order:
    """The order of a list. `parse` converts the value in a cursor to a value of the key."""

    key: str
    descending: bool
    parse: Callable[[Any], Any]
    params: tuple[Any, ...] = ()

    @property
    def direction(self) -> str:
        return "DESC" if self.descending else "ASC"

    @property
    def is_by_distance(self) -> bool:
        return bool(self.params)


class PageRow(NamedTuple):
    """A row of `ordered_page`'s statement; if no product matches, a single one with an empty card."""

    counted: int
    key: str
    is_live: bool
    card: CardRow


class Position(NamedTuple):
    """The position to which a cursor points: the last product of the previous page."""

    is_live: bool
    key: Any
    id: UUID


_POPULARITY = "(p.favorite_count * 10) + p.view_count"  # must be the same expression as in the index
_ORDERS = {
    "recent": Order("p.created_at", True, cursor_time),
    "popular": Order(_POPULARITY, True, lambda value: int(cursor_number(value))),
    "price_low": Order("p.price", False, cursor_number),
    "price_high": Order("p.price", True, cursor_number),
}


def ordered_page(
    where: Where, query: ListQuery, *, viewer: Viewer | None, live_first: bool = False
) -> Reads[dict[str, Any]]:
    """Return a page of cards, by page number or cursor, in one statement.

    `total` is counted up to TOTAL_COUNTED_MAX. With `live_first`, products in a live stream are first; there
    are few of them, and they have a separate index.
    """
    order = _order_of(query)
    size = query.page.size
    offset = 0 if query.cursor else query.page.offset
    after = _parse_cursor(query, order)
    if order.is_by_distance and after is None and offset + size < settings.TOTAL_COUNTED_MAX:
        # One index scan of the nearest products provides both the page and the count.
        candidates, params = _first_products(where, order, None, settings.TOTAL_COUNTED_MAX + 1)
        count = f"SELECT 1 FROM candidates LIMIT {settings.TOTAL_COUNTED_MAX + 1}"
        count_params: list[Any] = []
    else:
        candidates, params = _candidates(where, order, after, offset + size + 1, live_first=live_first)
        count, count_params = _countable(where, query.place)
    direction = order.direction
    columns, column_params = card_columns(query.place, viewer)
    sql = (
        f"WITH candidates AS ({candidates})"
        f" SELECT total.counted, page.key::text, page.is_live, {columns}"
        f" FROM (SELECT count(*) AS counted FROM ({count}) countable) total"
        f" LEFT JOIN (SELECT * FROM candidates ORDER BY is_live DESC, key {direction}, id {direction}"
        f" OFFSET {offset} LIMIT {size + 1}) page ON true"
        " LEFT JOIN listings_product p ON p.id = page.id LEFT JOIN accounts_user s ON s.id = p.seller_id"
        f" ORDER BY page.is_live DESC, page.key {direction}, page.id {direction}"
    )
    # The best plan depends only on the density around a place and the frequency of a word.
    has_one_plan = query.place is None and not query.text
    fetched = yield Statement(sql, [*params, *column_params, *count_params], has_one_plan)
    rows = [PageRow(row[0], row[1], row[2], card_row(row[3:])) for row in fetched]
    counted = rows[0].counted
    rows = [row for row in rows if row.card.id is not None]
    cursor = None
    if len(rows) > size:
        rows = rows[:size]
        last = rows[-1]
        cursor = encode_cursor(query.sort, bool(last.is_live), last.key, last.card.id)
    shown = cards(row.card for row in rows)
    return card_page_body(shown, query, counted, settings.TOTAL_COUNTED_MAX, cursor)


def card_page_body(
    items: list[dict[str, Any]], query: ListQuery, counted: int, counted_max: int, cursor: str | None
) -> dict[str, Any]:
    """Return a page of cards as clients see it; the total isn't exact above `counted_max`."""
    return {
        "items": items,
        "page": query.page.number,
        "per_page": query.page.size,
        "total": min(counted, counted_max),
        "total_is_exact": counted <= counted_max,
        "has_more": cursor is not None,
        "next_cursor": cursor,
    }


def _order_of(query: ListQuery) -> Order:
    if query.sort == "nearest":
        assert query.place is not None
        return Order(DISTANCE, False, float, ecef(query.place))
    return _ORDERS[query.sort]


def _candidates(
    where: Where, order: Order, after: Position | None, limit: int, *, live_first: bool
) -> tuple[str, list[Any]]:
    """Return a SELECT of the first `limit` products after a position.

    With `live_first`, it is a UNION of the live products and the others, which use separate indexes.
    """
    selects: list[str] = []
    params: list[Any] = []
    parts: tuple[bool | None, ...] = (True, False) if live_first else (None,)
    for is_live in parts:
        conditions = where.copy()
        if is_live is not None:
            conditions.add(f"p.live_stream_id IS {'NOT ' if is_live else ''}NULL")
        if after is not None:
            if is_live and not after.is_live:
                continue  # the cursor is past the live products
            if is_live is None or is_live == after.is_live:
                _add_cursor_condition(conditions, order, after)
        select, select_params = _first_products(conditions, order, is_live, limit)
        selects.append(f"({select})")
        params += select_params
    return " UNION ALL ".join(selects), params


def _first_products(where: Where, order: Order, is_live: bool | None, limit: int) -> tuple[str, list[Any]]:
    """Return a SELECT of the first `limit` products; by distance, also of those as far away as the last.

    By distance, the SELECT isn't ordered by id too, because the planner would then sort all rows instead of
    using the index. The outer query orders products at the same distance, such as those of one seller.
    """
    order_by = order.key if order.is_by_distance else f"{order.key} {order.direction}, p.id {order.direction}"
    return (
        f"SELECT p.id, {is_live is True} AS is_live, {order.key} AS key FROM listings_product p"
        f" WHERE {where.sql} ORDER BY {order_by} FETCH FIRST {limit} ROWS"
        f" {'WITH TIES' if order.is_by_distance else 'ONLY'}",
        [*order.params, *where.params, *order.params],
    )


def _countable(where: Where, place: Place | None) -> tuple[str, list[Any]]:
    """Return a SELECT of the rows to count, at most TOTAL_COUNTED_MAX + 1.

    Around a place, it is ordered by distance although the order doesn't matter: otherwise the planner would
    read the newest products until enough of them are near.
    """
    limit = f"LIMIT {settings.TOTAL_COUNTED_MAX + 1}"
    if place is None:
        return f"SELECT 1 FROM listings_product p WHERE {where.sql} {limit}", where.params
    return (
        f"SELECT 1 FROM listings_product p WHERE {where.sql} ORDER BY {DISTANCE} {limit}",
        [*where.params, *ecef(place)],
    )


def _add_cursor_condition(where: Where, order: Order, after: Position) -> None:
    if order.is_by_distance:
        where.add(f"({order.key}) >= %s", *order.params, after.key)
        where.add(f"(({order.key}) > %s OR p.id > %s)", *order.params, after.key, after.id)
    else:
        comparison = "<" if order.descending else ">"
        where.add(f"({order.key}, p.id) {comparison} (%s, %s)", after.key, after.id)


def _parse_cursor(query: ListQuery, order: Order) -> Position | None:
    if not query.cursor:
        return None
    sort, is_live, key, last_id = decode_cursor(query.cursor, str, bool, order.parse, UUID)
    if sort != query.sort:
        raise ValidationFailed(details={"cursor": [_("This cursor belongs to another sort order.")]})
    return Position(is_live, key, last_id)
