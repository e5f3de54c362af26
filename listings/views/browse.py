"""What people browse: the feeds, search, the categories (contract 2.3-2.6)."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user_or_none
from listings import queries
from listings.models import Product
from listings.selectors import categories, feeds, search, suggestions
from listings.selectors.cards import viewer_for
from listings.serializers.lists import CardPageOutput, CategoryOutput, SearchOutput, SuggestionsOutput
from soukloop.core.db.reads import Reads, run
from soukloop.core.http.caching import PUBLIC
from soukloop.core.http.pagination import PAGE_PARAMETERS

_TAGS = ["Browse"]
_LIST = [
    *PAGE_PARAMETERS,
    OpenApiParameter(
        "cursor",
        str,
        description="An answer's `next_cursor`, in place of `page`, with the other parameters as they were",
    ),
    OpenApiParameter("category", str, description="A category's slug"),
]


def _number(minimum: float, maximum: float) -> dict[str, Any]:
    return {"type": "number", "format": "double", "minimum": minimum, "maximum": maximum}


def _place(required: bool) -> list[OpenApiParameter]:
    # Generated clients send defaults, and a radius alone asks for a place.
    default = {"default": settings.COMMUNITY_RADIUS_KM} if required else {}
    return [
        OpenApiParameter("latitude", _number(-90, 90), required=required),
        OpenApiParameter("longitude", _number(-180, 180), required=required),
        OpenApiParameter(
            "radius_km",
            _number(0.01, settings.COMMUNITY_RADIUS_KM_MAX) | default,
            description=f"{settings.COMMUNITY_RADIUS_KM} if it is left out",
        ),
    ]


class Feed(APIView):
    """A public list."""

    permission_classes = (AllowAny,)
    parse: Callable[..., Any]
    select: Callable[..., Reads[dict[str, Any]]]

    def answer(self, request: Request) -> Response:
        viewer = viewer_for(current_user_or_none(request))
        query = type(self).parse(request.query_params)
        return Response(run(type(self).select(query, viewer=viewer)))


class Discover(Feed):
    parse = queries.discover_query
    select = feeds.discover_feed

    @extend_schema(
        operation_id="listDiscoverFeed",
        tags=_TAGS,
        summary="The Discover feed: products with video, live ones first",
        parameters=[*_LIST, OpenApiParameter("sort", str, enum=queries.DISCOVER_SORTS)],
        responses=CardPageOutput,
    )
    def get(self, request: Request) -> Response:
        return self.answer(request)


class Community(Feed):
    parse = queries.community_query
    select = feeds.community_feed

    @extend_schema(
        operation_id="listCommunityFeed",
        tags=_TAGS,
        summary="The Community feed: what is for sale around a place",
        description="Distances are geodesic and measured to a point near the product's, at most"
        f" {settings.LOCATION_OFFSET_MAX_M} m from it, that never changes: the exact one is the seller's.",
        parameters=[*_LIST, *_place(True), OpenApiParameter("sort", str, enum=queries.COMMUNITY_SORTS)],
        responses=CardPageOutput,
    )
    def get(self, request: Request) -> Response:
        return self.answer(request)


class Search(Feed):
    rate_scope = "search"
    parse = queries.search_query
    select = search.search_products

    @extend_schema(
        operation_id="searchProducts",
        tags=_TAGS,
        summary="Search by words, in Arabic and English, with facets",
        description='`q` understands "quoted phrases", `or` and `-without`. Of something very common the'
        " freshest matches are ranked and counted: `total_is_exact` is false then.",
        parameters=[
            OpenApiParameter("q", str, description=f"At most {settings.SEARCH_QUERY_MAX_LENGTH} characters"),
            *_LIST,
            OpenApiParameter("condition", str, enum=Product.Condition.values),
            OpenApiParameter("feed_type", str, enum=Product.FeedType.values),
            OpenApiParameter("min_price", float),
            OpenApiParameter("max_price", float),
            *_place(False),
            OpenApiParameter("sort", str, enum=queries.SEARCH_SORTS),
        ],
        responses=SearchOutput,
    )
    def get(self, request: Request) -> Response:
        return self.answer(request)


class Suggestions(Feed):
    rate_scope = "search"
    parse = queries.suggestions_query
    select = suggestions.suggestions

    @extend_schema(
        operation_id="suggestSearches",
        tags=_TAGS,
        summary="Complete what somebody is typing",
        parameters=[OpenApiParameter("q", str, required=True)],
        responses=SuggestionsOutput,
    )
    def get(self, request: Request) -> Response:
        return self.answer(request)


class Categories(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="listCategories",
        tags=_TAGS,
        summary="The 12 categories, with counts",
        responses=CategoryOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        return Response(categories.categories(), headers=PUBLIC)


class Category(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="getCategory", tags=_TAGS, summary="One category, with counts", responses=CategoryOutput
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(categories.category(slug), headers=PUBLIC)
