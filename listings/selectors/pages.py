"""The pages of products: what is in them, in which order, and how many there are.

These statements are the hot ones: written by hand, so that their plans are the ones that were measured, and
rows become dictionaries without becoming model instances first. A selector here is a generator: it yields
statements and is sent their rows, so that a view runs it over Django's connection, and `fast_reads`
over an asynchronous one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from listings.locations import ecef_coordinates
from listings.queries import ListQuery, Place
from listings.selectors.cards import Viewer, card, card_columns
from soukloop.core.db.reads import Reads, Statement
from soukloop.core.errors import ValidationFailed
from soukloop.core.http.pagination import cursor_number, cursor_time, decode_cursor, encode_cursor


@dataclass
class Where:
    """Conditions joined by AND, with their parameters in step."""

    parts: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)

    def add(self, sql: str, *params: Any) -> None:
        self.parts.append(sql)
        self.params.extend(params)

    def copy(self) -> "Where":
        return Where(self.parts.copy(), self.params.copy())

    @property
    def sql(self) -> str:
        return " AND ".join(self.parts)


@dataclass(frozen=True)
class Order:
    """What a list is ordered by; `read` turns a cursor's value back into the key's."""

    key: str
    descending: bool
    read: Callable[[Any], Any]
    params: tuple[Any, ...] = ()

    @property
    def direction(self) -> str:
        return "DESC" if self.descending else "ASC"


_POPULARITY = "(p.favorite_count * 10) + p.view_count"  # to the letter of the index's expression


_ORDERS = {
    "recent": Order("p.created_at", True, cursor_time),
    "popular": Order(_POPULARITY, True, lambda value: int(cursor_number(value))),
    "price_low": Order("p.price", False, cursor_number),
    "price_high": Order("p.price", True, cursor_number),
}
_XYZ = "ST_MakePoint(%s, %s, %s)"  # as `public_xyz` has it
_BY_DISTANCE = f"p.public_xyz <<->> {_XYZ}"


def listed_where(viewer: Viewer | None, query: ListQuery) -> Where:
    """Return the conditions of what this person may see in a list and asked for."""
    where = Where()
    where.add("p.status = 'active' AND NOT p.seller_closed")
    if query.feed_type:
        where.add("p.feed_type = %s", query.feed_type)
    if query.category:
        where.add("p.category_id = %s", query.category)
    if query.condition:
        where.add("p.condition = %s", query.condition)
    if query.min_price is not None:
        where.add("p.price >= %s", query.min_price)
    if query.max_price is not None:
        where.add("p.price <= %s", query.max_price)
    if query.place is not None:
        metres, at = query.place.radius_km * 1000, _xyz(query.place)
        where.add(f"p.public_xyz &&& ST_Expand({_XYZ}, %s)", *at, metres)
        where.add(f"({_BY_DISTANCE}) <= listings_chord(%s)", *at, metres)
    hide_blocked(where, viewer)
    return where


def hide_blocked(where: Where, viewer: Viewer | None) -> None:
    """Leave out the products of people who are hidden from the viewer."""
    if viewer is not None and viewer.hidden:
        where.add("p.seller_id <> ALL(%s::uuid[])", list(viewer.hidden))


def order_of(query: ListQuery) -> Order:
    if query.sort == "nearest":
        assert query.place is not None
        return Order(_BY_DISTANCE, False, float, _xyz(query.place))
    return _ORDERS[query.sort]


def _xyz(place: Place) -> tuple[float, float, float]:
    return ecef_coordinates(place.longitude, place.latitude)


def ordered_page(
    where: Where, query: ListQuery, *, viewer: Viewer | None, live_first: bool = False
) -> Reads[dict[str, Any]]:
    """Return one page of cards, by page or by cursor, in one statement.

    `total` is counted as far as TOTAL_COUNTED_MAX. What is live comes first where asked for: a small set with
    an index of its own, put in front of the rest.
    """
    order = order_of(query)
    size = query.page.size
    offset = 0 if query.cursor else query.page.offset
    after = _read_cursor(query, order)
    if query.sort == "nearest" and after is None and offset + size < settings.TOTAL_COUNTED_MAX:
        # The first of those that are counted are the page: one walk from the nearest on does for both.
        found, params = _stage(where, order, None, settings.TOTAL_COUNTED_MAX + 1)
        count = f"SELECT 1 FROM found LIMIT {settings.TOTAL_COUNTED_MAX + 1}"
        count_params: list[Any] = []
    else:
        found, params = _stages(where, order, after, offset + size + 1, live_first=live_first)
        count, count_params = _counted(where, query.place)
    direction = order.direction
    columns, column_params = card_columns(query.place, viewer)
    sql = (
        f"WITH found AS ({found}) SELECT total.counted, page.key::text, page.is_live, {columns}"
        f" FROM (SELECT count(*) AS counted FROM ({count}) counted) total"
        f" LEFT JOIN (SELECT * FROM found ORDER BY is_live DESC, key {direction}, id {direction}"
        f" OFFSET {offset} LIMIT {size + 1}) page ON true"
        " LEFT JOIN listings_product p ON p.id = page.id LEFT JOIN accounts_user s ON s.id = p.seller_id"
        f" ORDER BY page.is_live DESC, page.key {direction}, page.id {direction}"
    )
    # Which index is right hangs on how crowded a place or how common a word is, and on nothing else here.
    has_one_plan = query.place is None and not query.text
    rows = yield Statement(sql, [*params, *column_params, *count_params], has_one_plan)
    counted = rows[0][0]
    rows = [row for row in rows if row[5] is not None]
    has_more = len(rows) > size
    rows = rows[:size]
    cursor = None
    if has_more:
        cursor = encode_cursor(query.sort, bool(rows[-1][2]), rows[-1][1], rows[-1][5])
    return list_body([card(row, 3) for row in rows], query, counted, settings.TOTAL_COUNTED_MAX, cursor)


def _stages(
    where: Where, order: Order, after: tuple[bool, Any, UUID] | None, most: int, *, live_first: bool
) -> tuple[str, list[Any]]:
    """Return a select of the first `most` after a cursor's position, of each stage there is."""
    selects: list[str] = []
    params: list[Any] = []
    stages: tuple[bool | None, ...] = (True, False) if live_first else (None,)
    for is_live in stages:
        stage = where.copy()
        if is_live is not None:
            stage.add(f"p.live_stream_id IS {'NOT ' if is_live else ''}NULL")
        if after is not None:
            was_live, key, last_id = after
            if is_live and not was_live:
                continue
            if is_live is None or is_live == was_live:
                _start_after(stage, order, key, last_id)
        select, select_params = _stage(stage, order, is_live, most)
        selects.append(f"({select})")
        params += select_params
    return " UNION ALL ".join(selects), params


def _stage(where: Where, order: Order, is_live: bool | None, most: int) -> tuple[str, list[Any]]:
    """Return a select of the first `most`; all that are equally near come along."""
    return (
        f"SELECT p.id, {is_live is True} AS is_live, {order.key} AS key FROM listings_product p"
        f" WHERE {where.sql} ORDER BY {_stage_order(order)} FETCH FIRST {most} ROWS"
        f" {'WITH TIES' if order.params else 'ONLY'}",
        [*order.params, *where.params, *order.params],
    )


def _counted(where: Where, place: Place | None) -> tuple[str, list[Any]]:
    """Return a subquery of as many rows as are counted.

    Around a place they are the nearest, though any would do: an index leads from one to the next, where the
    planner would rather look at whatever was listed until enough of it is near.
    """
    limit = f"LIMIT {settings.TOTAL_COUNTED_MAX + 1}"
    if place is None:
        return f"SELECT 1 FROM listings_product p WHERE {where.sql} {limit}", where.params
    return (
        f"SELECT 1 FROM listings_product p WHERE {where.sql} ORDER BY {_BY_DISTANCE} {limit}",
        [*where.params, *_xyz(place)],
    )


def list_body(
    items: list[dict[str, Any]], query: ListQuery, counted: int, counted_max: int, cursor: str | None
) -> dict[str, Any]:
    """Return the answer of every list; beyond `counted_max` the total is only known to be more."""
    return {
        "items": items,
        "page": query.page.number,
        "per_page": query.page.size,
        "total": min(counted, counted_max),
        "total_is_exact": counted <= counted_max,
        "has_more": cursor is not None,
        "next_cursor": cursor,
    }


def _stage_order(order: Order) -> str:
    """Nearest is ordered by the index alone: with an id after it the planner would rather sort everything.

    Ties (things of one seller share a point) all come along and are put in order outside.
    """
    return order.key if order.params else f"{order.key} {order.direction}, p.id {order.direction}"


def _start_after(stage: Where, order: Order, key: Any, last_id: UUID) -> None:
    if order.params:
        stage.add(f"({order.key}) >= %s", *order.params, key)
        stage.add(f"(({order.key}) > %s OR p.id > %s)", *order.params, key, last_id)
    else:
        stage.add(f"({order.key}, p.id) {'<' if order.descending else '>'} (%s, %s)", key, last_id)


def _read_cursor(query: ListQuery, order: Order) -> tuple[bool, Any, UUID] | None:
    if not query.cursor:
        return None
    sort, was_live, key, last_id = decode_cursor(query.cursor, str, bool, order.read, UUID)
    if sort != query.sort:
        raise ValidationFailed(details={"cursor": ["This cursor belongs to another sort."]})
    return was_live, key, last_id
