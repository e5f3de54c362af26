"""Views of streams: create, list, change, go live, end, analytics, replay."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user, current_user_or_none
from accounts.models import User
from livestream import access
from livestream.error_codes import LivestreamErrorCode
from livestream.models import Stream
from livestream.selectors.analytics import end_stats, stream_analytics
from livestream.selectors.broadcasts import broadcast_state, is_encoder_silent, last_measurement
from livestream.selectors.playback import is_video_withdrawn
from livestream.selectors.replays import replay_of, replay_page
from livestream.selectors.streams import (
    list_live_streams,
    list_streams,
    products_in_stream,
    stream_with_card_fields,
)
from livestream.serializers.analytics import AnalyticsOutput
from livestream.serializers.health import HealthOutput, health_body
from livestream.serializers.inputs import (
    GoLiveInput,
    LiveQuery,
    ReplayQuery,
    SettingsInput,
    StreamInput,
    StreamsQuery,
)
from livestream.serializers.replays import ReplayOutput
from livestream.serializers.streams import (
    EndOutput,
    KeyOutput,
    LiveOutput,
    StreamOutput,
    StreamPageOutput,
    card_body,
    end_body,
    key_body,
    live_body,
    stream_body,
)
from livestream.services import streams
from soukloop.core.errors import NotFound
from soukloop.core.http.caching import SecretResponse
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import NoInput, validated, validated_changes, validated_query

_TAGS = ["Live streams"]


class StreamViewSet(ViewSet):
    """The user's own streams, and those the user may watch; guests read those for everyone."""

    rate_scope: Any = None

    def get_permissions(self) -> list[Any]:
        is_for_guests = self.action in ("list", "live", "retrieve", "replay")
        return [AllowAny() if is_for_guests else IsAuthenticated()]

    @extend_schema(
        operation_id="createStream",
        tags=_TAGS,
        summary="Create a scheduled stream",
        description="For sellers. `product_ids` are up to 50 of your own available products, in the order in"
        " which they are shown.",
        request=StreamInput,
        responses={201: StreamOutput} | refusals(403),
        examples=[
            OpenApiExample(
                "contract 4.1",
                {
                    "title": "Flash Sale - Up to 50% Off Sneakers!",
                    "description": "Live shopping event with exclusive deals",
                    "category": "sneakers",
                    "audience": "everyone",
                    "estimated_duration": 30,
                    "notify_followers": True,
                    "notify_neighborhood": True,
                    "enable_chat": True,
                    "enable_comments": True,
                    "record_stream": True,
                    "product_ids": ["f3a1d3c5-5a53-4b44-8a0e-0f9a4d3c2b1a"],
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        actor = current_user(request)
        access.require_may_stream(actor)
        stream = streams.create_stream(actor=actor, **validated(StreamInput, request.data))
        return Response(_detail(actor, stream), status=201)

    @extend_schema(
        operation_id="listStreams",
        tags=_TAGS,
        summary="List streams",
        description="Returns the streams you may watch, or with `mine` your own, newest first.",
        parameters=[StreamsQuery, *PAGE_PARAMETERS],
        responses=StreamPageOutput,
    )
    def list(self, request: Request) -> Response:
        query = validated_query(StreamsQuery, request.query_params)
        user = current_user_or_none(request)
        return Response(paginate(list_streams(user, **query), page_of(request), _cards_for(user)))

    @extend_schema(
        operation_id="listLiveStreams",
        tags=_TAGS,
        summary="List live streams",
        description="Returns the live streams you may watch, the most watched first.",
        parameters=[LiveQuery, *PAGE_PARAMETERS],
        responses=StreamPageOutput,
    )
    def live(self, request: Request) -> Response:
        query = validated_query(LiveQuery, request.query_params)
        user = current_user_or_none(request)
        return Response(paginate(list_live_streams(user, **query), page_of(request), _cards_for(user)))

    @extend_schema(operation_id="getStream", tags=_TAGS, summary="Show a stream", responses=StreamOutput)
    def retrieve(self, request: Request, stream_id: UUID) -> Response:
        user = current_user_or_none(request)
        return Response(_detail(user, access.stream_visible_to(user, stream_id)))

    @extend_schema(
        operation_id="updateStreamSettings",
        tags=_TAGS,
        summary="Change a scheduled stream",
        request=SettingsInput,
        responses={200: StreamOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "contract 4.2",
                {"audience": "followers", "estimated_duration": 45, "notify_neighborhood": False},
                request_only=True,
            )
        ],
    )
    def update_settings(self, request: Request, stream_id: UUID) -> Response:
        actor = current_user(request)
        changes = validated_changes(SettingsInput, request.data)
        stream = streams.update_settings(actor=actor, stream_id=stream_id, changes=changes)
        return Response(_detail(actor, stream))

    @extend_schema(
        operation_id="goLive",
        tags=_TAGS,
        summary="Go live",
        description="The stream key is shown only once. `notificationsSent` is the number of people who are"
        " being notified: followers at most once in 10 minutes, people nearby once in 12 hours.",
        request=GoLiveInput,
        responses={200: LiveOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "contract 4.3", {"camera_ready": True, "checklist_complete": True}, request_only=True
            )
        ],
    )
    def go_live(self, request: Request, stream_id: UUID) -> Response:
        ready = validated(GoLiveInput, request.data)
        stream, key = streams.go_live(actor=current_user(request), stream_id=stream_id, **ready)
        return SecretResponse(live_body(stream, key))

    @extend_schema(
        operation_id="rotateStreamKey",
        tags=_TAGS,
        summary="Replace the stream key",
        description="For a live stream. The encoder with the old key is disconnected and has 60 s to"
        " reconnect with the new one.",
        request=None,
        responses={200: KeyOutput} | refusals(403, 409),
    )
    def rotate_key(self, request: Request, stream_id: UUID) -> Response:
        validated(NoInput, request.data)
        stream, key = streams.rotate_key(actor=current_user(request), stream_id=stream_id)
        return SecretResponse(key_body(stream, key))

    @extend_schema(
        operation_id="endStream",
        tags=_TAGS,
        summary="End a live stream",
        request=None,
        responses={200: EndOutput} | refusals(403, 409),
    )
    def end(self, request: Request, stream_id: UUID) -> Response:
        validated(NoInput, request.data)
        stream = streams.end_stream(actor=current_user(request), stream_id=stream_id)
        return Response(end_body(stream, end_stats(stream)))

    @extend_schema(
        operation_id="cancelStream",
        tags=_TAGS,
        summary="Cancel a scheduled stream",
        request=None,
        responses={200: StreamOutput} | refusals(403, 409),
    )
    def cancel(self, request: Request, stream_id: UUID) -> Response:
        validated(NoInput, request.data)
        stream = streams.cancel_stream(actor=current_user(request), stream_id=stream_id)
        return Response(_detail(current_user(request), stream))

    @extend_schema(
        operation_id="getStreamAnalytics",
        tags=_TAGS,
        summary="Show a stream's analytics",
        description="For the stream's seller, also while it is live.",
        responses={200: AnalyticsOutput} | refusals(403),
    )
    def analytics(self, request: Request, stream_id: UUID) -> Response:
        stream = access.own_stream(current_user(request), stream_id)
        return Response(stream_analytics(stream))

    @extend_schema(
        operation_id="getStreamHealth",
        tags=_TAGS,
        summary="Show what the encoder sends",
        description="For the stream's seller. `stream:health` sends the same every 2 s.",
        responses={200: HealthOutput} | refusals(403),
    )
    def health(self, request: Request, stream_id: UUID) -> Response:
        stream = access.own_stream(current_user(request), stream_id)
        body = health_body(
            stream,
            broadcast_state(stream),
            last_measurement(stream),
            is_silent=is_encoder_silent(stream),
        )
        return Response(body)

    @extend_schema(
        operation_id="getReplay",
        tags=_TAGS,
        summary="Show the replay",
        description="Returns the video, with chat messages and tags at their positions in it. `state` is"
        " `waiting`, `processing`, `ready`, `failed`, `empty` or `withdrawn`. 404 if the stream wasn't to be"
        " recorded.",
        parameters=[ReplayQuery],
        responses={200: ReplayOutput} | refusals(403),
    )
    def replay(self, request: Request, stream_id: UUID) -> Response:
        query = validated_query(ReplayQuery, request.query_params)
        user = current_user_or_none(request)
        stream = access.watchable_stream(user, stream_id)
        replay = replay_of(stream)
        if replay is None or stream.status != Stream.Status.ENDED:
            raise NotFound(_("This stream has no replay."), code=LivestreamErrorCode.REPLAY_NOT_FOUND)
        return Response(replay_page(stream, replay, viewer_id=user.pk if user else None, **query))


def _cards_for(user: User | None) -> Callable[[Sequence[Stream]], list[Any]]:
    viewer_id = user.pk if user else None
    return lambda rows: [card_body(stream, viewer_id=viewer_id) for stream in rows]


def _detail(user: User | None, stream: Stream) -> dict[str, Any]:
    stream = stream_with_card_fields(stream.pk, user)
    return stream_body(
        stream,
        products_in_stream(stream),
        viewer_id=user.pk if user else None,
        rights=access.viewer_rights(user, stream) if user else None,
        can_watch=access.can_watch(user, stream) and not is_video_withdrawn(stream),
    )
