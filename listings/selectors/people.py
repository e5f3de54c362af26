"""Products as they belong to somebody: a seller's own, a person's favourites."""

from typing import Any
from uuid import UUID

from listings.models import Favorite, Product
from listings.queries import ListQuery
from listings.selectors.cards import Viewer, card, card_columns
from listings.selectors.pages import Where, hide_blocked, ordered_page
from soukloop.core.db.reads import Reads, Statement
from soukloop.core.http.pagination import Page, page_body


def products_of_seller(
    query: ListQuery, *, seller_id: UUID, status: str, viewer: Viewer | None
) -> Reads[dict[str, Any]]:
    """Return a page of a seller's products, the latest first; the seller sees all but the deleted."""
    where = Where()
    where.add("p.seller_id = %s", seller_id)
    if viewer is None or viewer.id != seller_id:
        where.add("p.status = 'active' AND NOT p.seller_closed")
        hide_blocked(where, viewer)
    elif status:
        where.add("p.status = %s", status)
    else:
        where.add("p.status <> 'deleted'")
    return (yield from ordered_page(where, query, viewer=viewer))


def favorites_of(viewer: Viewer, page: Page) -> Reads[dict[str, Any]]:
    """Return a page of what somebody likes and can still be bought, the latest liked first."""
    where = Where()
    where.add("f.user_id = %s", viewer.id)
    where.add("p.status = 'active' AND NOT p.seller_closed")
    hide_blocked(where, viewer)
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
    return page_body([card(row, 0) for row in rows], page, total)


def is_favorite(user_id: UUID | None, product: Product) -> bool:
    return user_id is not None and Favorite.objects.filter(user_id=user_id, product=product).exists()
