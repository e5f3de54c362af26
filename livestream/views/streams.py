"""The life of a stream over REST."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from accounts.models import User
from livestream import access
from livestream.models import Stream
from livestream.selectors import analytics, lists
from livestream.selectors.replays import replay_of, replay_page
from livestream.serializers.figures import AnalyticsOutput, ReplayOutput
from livestream.serializers.inputs import (
    GoLiveInput,
    LiveQuery,
    ReplayQuery,
    SettingsInput,
    StreamInput,
    StreamsQuery,
)
from livestream.serializers.streams import (
    EndOutput,
    KeyOutput,
    LiveOutput,
    StreamOutput,
    StreamPageOutput,
    card_body,
    key_body,
    live_body,
    stream_body,
)
from livestream.services import streams
from soukloop.core.errors import NotFound
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import validated, validated_changes

_TAGS = ["Live streams"]


class StreamViewSet(ViewSet):
    """Streams: one's own, and those one may watch."""

    rate_scope: Any = None

    @extend_schema(
        tags=_TAGS,
        summary="Plan a stream",
        description="Sellers only. `product_ids`: your own products on sale, at most 50, in the order in"
        " which they will be shown.",
        request=StreamInput,
        responses={201: StreamOutput},
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
        stream = streams.create_stream(actor=current_user(request), **validated(StreamInput, request.data))
        return Response(_shown(current_user(request), stream), status=201)

    @extend_schema(
        tags=_TAGS,
        summary="List streams",
        description="Newest first: what you may watch, or with `mine` your own.",
        parameters=[StreamsQuery, *PAGE_PARAMETERS],
        responses=StreamPageOutput,
    )
    def list(self, request: Request) -> Response:
        query = validated(StreamsQuery, request.query_params)
        return Response(paginate(lists.streams_for(current_user(request), **query), page_of(request), _cards))

    @extend_schema(
        tags=_TAGS,
        summary="List what is live",
        description="What you may watch, the most watched first.",
        parameters=[LiveQuery, *PAGE_PARAMETERS],
        responses=StreamPageOutput,
    )
    def live(self, request: Request) -> Response:
        query = validated(LiveQuery, request.query_params)
        return Response(paginate(lists.live_for(current_user(request), **query), page_of(request), _cards))

    @extend_schema(tags=_TAGS, summary="Show a stream", responses=StreamOutput)
    def retrieve(self, request: Request, stream_id: UUID) -> Response:
        return Response(
            _shown(current_user(request), access.stream_visible_to(current_user(request), stream_id))
        )

    @extend_schema(
        tags=_TAGS,
        summary="Change a scheduled stream",
        request=SettingsInput,
        responses=StreamOutput,
        examples=[
            OpenApiExample(
                "contract 4.2",
                {"audience": "followers", "estimated_duration": 45, "notify_neighborhood": False},
                request_only=True,
            )
        ],
    )
    def update_settings(self, request: Request, stream_id: UUID) -> Response:
        changes = validated_changes(SettingsInput, request.data, partial=True)
        stream = streams.update_settings(actor=current_user(request), stream_id=stream_id, changes=changes)
        return Response(_shown(current_user(request), stream))

    @extend_schema(
        tags=_TAGS,
        summary="Go live",
        description="The key is shown this once. `notificationsSent` is how many people are being told.",
        request=GoLiveInput,
        responses=LiveOutput,
        examples=[
            OpenApiExample(
                "contract 4.3", {"camera_ready": True, "checklist_complete": True}, request_only=True
            )
        ],
    )
    def go_live(self, request: Request, stream_id: UUID) -> Response:
        ready = validated(GoLiveInput, request.data)
        stream, key = streams.go_live(actor=current_user(request), stream_id=stream_id, **ready)
        return Response(live_body(stream, key), headers={"Cache-Control": "no-store"})

    @extend_schema(
        tags=_TAGS,
        summary="Replace the stream key",
        description="While live; whoever publishes with the old one is cut off and has 60 s to come back.",
        request=None,
        responses=KeyOutput,
    )
    def rotate_key(self, request: Request, stream_id: UUID) -> Response:
        stream, key = streams.rotate_key(actor=current_user(request), stream_id=stream_id)
        return Response(key_body(stream, key), headers={"Cache-Control": "no-store"})

    @extend_schema(tags=_TAGS, summary="End a live stream", request=None, responses=EndOutput)
    def end(self, request: Request, stream_id: UUID) -> Response:
        stream = streams.end_stream(actor=current_user(request), stream_id=stream_id)
        return Response(
            {
                "streamId": stream.pk,
                "status": stream.status,
                "duration": streams.duration_of(stream),
                "stats": analytics.end_stats(stream),
                "vodUrl": streams.vod_url_of(stream),
                "endedAt": stream.ended_at,
            }
        )

    @extend_schema(tags=_TAGS, summary="Call off a scheduled stream", request=None, responses=StreamOutput)
    def cancel(self, request: Request, stream_id: UUID) -> Response:
        stream = streams.cancel_stream(actor=current_user(request), stream_id=stream_id)
        return Response(_shown(current_user(request), stream))

    @extend_schema(
        tags=_TAGS,
        summary="Read a stream's figures",
        description="Its owner alone; also while it is live.",
        responses=AnalyticsOutput,
    )
    def analytics(self, request: Request, stream_id: UUID) -> Response:
        stream = access.own_stream(current_user(request), stream_id)
        return Response(analytics.analytics(stream, streams.duration_of(stream)))

    @extend_schema(
        tags=_TAGS,
        summary="Watch the replay",
        description="The video, and what was said and shown, on the video's own clock. `state` is `waiting`,"
        " `processing`, `ready`, `failed` or `empty`; 404 where nothing was to be recorded.",
        parameters=[ReplayQuery],
        responses=ReplayOutput,
    )
    def replay(self, request: Request, stream_id: UUID) -> Response:
        query = validated(ReplayQuery, request.query_params)
        stream = access.watchable_stream(current_user(request), stream_id)
        replay = replay_of(stream)
        if replay is None or stream.status != Stream.Status.ENDED:
            raise NotFound("This stream has no replay.", code="replay_not_found")
        return Response(replay_page(stream, replay, **query))


def _cards(rows: Sequence[Stream]) -> list[Any]:
    return [card_body(stream) for stream in rows]


def _shown(user: User, stream: Stream) -> dict[str, Any]:
    is_follower = stream.audience == Stream.Audience.FOLLOWERS and bool(
        access.followed_by(user, [stream.seller_id])
    )
    return stream_body(
        lists.shown(stream.pk),
        lists.products_of(stream),
        can_watch=access.may_watch(user, stream, is_follower=is_follower),
    )
