"""The lists that are asked for most, for `soukloop.core.lean`; their views are in `listings.views.browse`."""

from accounts.authentication import user_of_authorization
from listings import queries
from listings.selectors import feeds, search
from listings.selectors.rows import Viewer, viewer_for
from soukloop.core.lean import LeanRoute

ROUTES = {
    "/api/v1/feeds/discover": LeanRoute(queries.discover_query, feeds.discover_feed),
    "/api/v1/feeds/community": LeanRoute(queries.community_query, feeds.community_feed),
    "/api/v1/search": LeanRoute(queries.search_query, search.search_products, "search"),
}


def viewer_of_authorization(header: str) -> Viewer | None:
    """Return who looks, as the selectors want to know it. Raises NotAuthenticated."""
    return viewer_for(user_of_authorization(header))
