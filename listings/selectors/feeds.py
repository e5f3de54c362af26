"""The two feeds (contract 2.3, 2.4)."""

from typing import Any

from listings.queries import ListQuery
from listings.selectors.cards import Viewer
from listings.selectors.pages import listed_where, ordered_page
from soukloop.core.db.reads import Reads


def discover_feed(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of products with video, what is live now first."""
    return ordered_page(listed_where(viewer, query), query, viewer=viewer, live_first=True)


def community_feed(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of what is for sale around a place, with distances to the public points."""
    return ordered_page(listed_where(viewer, query), query, viewer=viewer)
