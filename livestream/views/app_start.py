"""What an app reads when it starts: its home screen, and what it must know of the server."""

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user_or_none
from listings.queries import home_query
from listings.selectors.cards import viewer_for
from listings.selectors.categories import categories_version
from listings.selectors.feeds import community_feed, discover_feed, empty_feed
from livestream.selectors.streams import list_live_streams
from livestream.serializers.app_start import ConfigOutput, HomeOutput, config_body
from livestream.serializers.streams import card_body
from offers.selectors import badges_of
from soukloop.core.db.clock import database_now
from soukloop.core.db.reads import run
from soukloop.core.http.caching import PUBLIC

_TAGS = ["App"]


class Home(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="getHome",
        tags=_TAGS,
        summary="Show the home screen",
        description="Live streams, the first pages of both feeds and your badges in one answer. Further pages"
        " are those of the feeds: send their `next_cursor` there.",
        parameters=[
            OpenApiParameter("latitude", float, description="With `longitude`, for `near_you`"),
            OpenApiParameter("longitude", float),
            OpenApiParameter(
                "radius_km",
                float,
                description=f"{settings.COMMUNITY_RADIUS_KM}, at most {settings.COMMUNITY_RADIUS_KM_MAX}",
            ),
        ],
        responses=HomeOutput,
    )
    def get(self, request: Request) -> Response:
        discover, community = home_query(request.query_params)
        user = current_user_or_none(request)
        viewer, viewer_id = viewer_for(user), user.pk if user else None
        live = list_live_streams(user)[: settings.HOME_LIVE_STREAMS_MAX]
        return Response(
            {
                "live_now": [card_body(stream, viewer_id=viewer_id) for stream in live],
                "near_you": run(community_feed(community, viewer=viewer)) if community else empty_feed(),
                "discover": run(discover_feed(discover, viewer=viewer)),
                "badges": badges_of(user, database_now()) if user else None,
            }
        )


class Config(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="getConfig",
        tags=_TAGS,
        summary="Show the server's settings that apps need",
        description="The oldest versions of the apps that work, limits, emoji. The same for everybody.",
        responses=ConfigOutput,
    )
    def get(self, request: Request) -> Response:
        return Response(config_body(categories_version()), headers=PUBLIC)
