"""The Discover and the Community feed (contract 2.3, 2.4)."""

from typing import Any

from django.conf import settings

from listings.queries import ListQuery
from listings.selectors.cards import Viewer
from listings.selectors.conditions import matching
from listings.selectors.pages import card_page_body, ordered_page
from soukloop.core.db.reads import Reads
from soukloop.core.http.pagination import Page


def discover_feed(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of products with video, those in a live stream first."""
    return ordered_page(matching(query, viewer), query, viewer=viewer, live_first=True)


def empty_feed() -> dict[str, Any]:
    """Return a page without products."""
    return card_page_body([], ListQuery(page=Page(1, settings.PAGE_SIZE), sort=""), 0, 0, None)


def community_feed(query: ListQuery, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return a page of products around a place, with the distances to their public points."""
    return ordered_page(matching(query, viewer), query, viewer=viewer)
