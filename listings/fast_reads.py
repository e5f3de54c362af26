"""The feeds, search and suggestions as fast reads; `listings.views.browse` has the views of the same URLs."""

from accounts.authentication import user_with_blocks_from_header
from listings import queries
from listings.selectors import feeds, search, suggestions
from listings.selectors.cards import Viewer
from soukloop.core.db.reads import Reads
from soukloop.core.fast_reads.routes import FastRoute


def viewer_from_header(header: str) -> Reads[Viewer | None]:
    """Read the viewer of an `Authorization` header, with the blocks; raises NotAuthenticated."""
    found = yield from user_with_blocks_from_header(header)
    if found is None:
        return None
    user_id, user = found
    return Viewer(user_id, user.blocked_ids, user.language)


ROUTES = {
    "/api/v1/feeds/discover": FastRoute(queries.discover_query, feeds.discover_feed, viewer_from_header),
    "/api/v1/feeds/community": FastRoute(queries.community_query, feeds.community_feed, viewer_from_header),
    "/api/v1/search": FastRoute(queries.search_query, search.search_products, viewer_from_header, "search"),
    "/api/v1/search/suggest": FastRoute(
        queries.suggestions_query, suggestions.suggestions, viewer_from_header, "search"
    ),
}
