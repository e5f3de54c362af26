"""Reads of a user's favourite products."""

from typing import Any

from listings.selectors.cards import Viewer, card_columns, card_row, cards
from listings.selectors.conditions import listed_for
from soukloop.core.db.reads import Reads, Statement
from soukloop.core.http.pagination import Page, page_body


def favorites_of(viewer: Viewer, page: Page) -> Reads[dict[str, Any]]:
    """Return a page of a user's favourite products that are listed, last added first."""
    where = listed_for(viewer)
    where.add("f.user_id = %s", viewer.id)
    columns, params = card_columns(None, viewer)
    source = (
        "FROM listings_favorite f JOIN listings_product p ON p.id = f.product_id"
        " JOIN accounts_user s ON s.id = p.seller_id"
        f" WHERE {where.sql}"
    )
    [(total,)] = yield Statement(f"SELECT count(*) {source}", where.params)
    rows = yield Statement(
        f"SELECT {columns} {source} ORDER BY f.created_at DESC, f.id DESC"
        f" OFFSET {page.offset} LIMIT {page.size}",
        [*params, *where.params],
    )
    return page_body(cards(map(card_row, rows)), page, total)
