"""The lists that are asked for most, answered by `fast_reads`; their views are in `listings.views.browse`."""

from accounts.authentication import user_with_blocks_from_header
from listings import queries
from listings.selectors import feeds, search
from listings.selectors.cards import Viewer
from soukloop.core.db.reads import Reads
from soukloop.core.http.fast_reads import FastRoute

ROUTES = {
    "/api/v1/feeds/discover": FastRoute(queries.discover_query, feeds.discover_feed),
    "/api/v1/feeds/community": FastRoute(queries.community_query, feeds.community_feed),
    "/api/v1/search": FastRoute(queries.search_query, search.search_products, "search"),
}


def viewer_of_authorization(header: str) -> Reads[Viewer | None]:
    """Read who looks, as the selectors want to know it. Raises NotAuthenticated."""
    found = yield from user_with_blocks_from_header(header)
    if found is None:
        return None
    user_id, user = found
    return Viewer(user_id, user.blocked_ids)
