"""The two feeds (guide 2.3, 2.4) and the lists of one person's products."""

from typing import Any
from uuid import UUID

from listings.queries import ListQuery
from listings.selectors.rows import listed_where, ordered_page


def discover_feed(query: ListQuery, *, viewer_id: UUID | None) -> dict[str, Any]:
    """Return a page of products with video, what is live now first."""
    return ordered_page(listed_where(viewer_id, query), query, viewer_id=viewer_id, live_first=True)


def community_feed(query: ListQuery, *, viewer_id: UUID | None) -> dict[str, Any]:
    """Return a page of what is for sale around a place, with distances to the public points."""
    return ordered_page(listed_where(viewer_id, query), query, viewer_id=viewer_id)
