"""The Discover and the Community feed (contract 2.3, 2.4)."""

from typing import Any

from listings.queries import ListQuery
from listings.selectors.cards import Viewer
from listings.selectors.conditions import matching
from listings.selectors.pages import ordered_page
from soukloop.core.db.reads import Reads


def discover_feed(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of products with video, those in a live stream first."""
    return ordered_page(matching(query, viewer), query, viewer=viewer, live_first=True)


def community_feed(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of products around a place, with the distances to their public points."""
    return ordered_page(matching(query, viewer), query, viewer=viewer)
