"""The lists that are asked for most, for `soukloop.core.lean`; their views are in `listings.views.browse`."""

from collections.abc import Callable
from typing import Any

from django.http import QueryDict

from accounts.models import User
from listings import queries
from listings.selectors import feeds, search
from soukloop.core.lean import LeanRoute


def _list(parse: Callable[..., queries.ListQuery], select: Callable[..., Any]) -> Callable[..., Any]:
    def answer(params: QueryDict, viewer: User | None) -> Any:
        return select(parse(params), viewer_id=viewer.pk if viewer else None)

    return answer


ROUTES = {
    "/api/v1/feeds/discover": LeanRoute(_list(queries.discover_query, feeds.discover_feed)),
    "/api/v1/feeds/community": LeanRoute(_list(queries.community_query, feeds.community_feed)),
    "/api/v1/search": LeanRoute(_list(queries.search_query, search.search_products), "search"),
}
