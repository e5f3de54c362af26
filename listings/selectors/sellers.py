"""Reads of a seller's products."""

from typing import Any
from uuid import UUID

from listings.queries import ListQuery
from listings.selectors.cards import Viewer
from listings.selectors.conditions import Where, listed_for
from listings.selectors.pages import ordered_page
from soukloop.core.db.reads import Reads


def products_of_seller(
    query: ListQuery, *, seller_id: UUID, status: str, viewer: Viewer | None
) -> Reads[dict[str, Any]]:
    """Return a page of a seller's products, newest first.

    The seller sees all products that aren't deleted, or those with a `status`; others see the listed ones.
    """
    if viewer is not None and viewer.id == seller_id:
        where = Where()
        if status:
            where.add("p.status = %s", status)
        else:
            where.add("p.status <> 'deleted'")
    else:
        where = listed_for(viewer)
    where.add("p.seller_id = %s", seller_id)
    return ordered_page(where, query, viewer=viewer)
