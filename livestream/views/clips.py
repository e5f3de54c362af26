"""Views of a stream's clips."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user, current_user_or_none
from livestream import access
from livestream.serializers.clips import ClipInput, ClipListOutput, ClipOutput, clip_body
from livestream.services import clips
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.validation import validated

_TAGS = ["Live streams"]


class ClipViewSet(ViewSet):
    """The clips of a stream; guests see those of a stream for everyone."""

    rate_scope: Any = None

    def get_permissions(self) -> list[Any]:
        return [AllowAny() if self.action in ("list", "retrieve") else IsAuthenticated()]

    @extend_schema(
        operation_id="createClip",
        tags=_TAGS,
        summary="Make a clip",
        description="For the stream's seller: cuts 1 to 60 seconds out of a live stream, or of a replay that"
        " is ready. It takes some seconds until the clip is `ready`. A stream can have 20.",
        request=ClipInput,
        responses={201: ClipOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "the first half minute",
                {"start_seconds": 0, "end_seconds": 30, "title": "The blue ones"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request, stream_id: UUID) -> Response:
        user = current_user(request)
        clip = clips.create_clip(actor=user, stream_id=stream_id, **validated(ClipInput, request.data))
        return Response(clip_body(clip, clip.stream, viewer_id=user.pk), status=201)

    @extend_schema(
        operation_id="listClips",
        tags=_TAGS,
        summary="List a stream's clips",
        description="Newest first. The seller sees all of them, everybody else those that are ready.",
        responses={200: ClipListOutput} | refusals(403),
    )
    def list(self, request: Request, stream_id: UUID) -> Response:
        user = current_user_or_none(request)
        stream = access.watchable_stream(user, stream_id)
        viewer_id = user.pk if user else None
        found = access.clips_of(stream, user=user)
        return Response({"items": [clip_body(clip, stream, viewer_id=viewer_id) for clip in found]})

    @extend_schema(
        operation_id="getClip", tags=_TAGS, summary="Show a clip", responses={200: ClipOutput} | refusals(403)
    )
    def retrieve(self, request: Request, stream_id: UUID, clip_id: UUID) -> Response:
        user = current_user_or_none(request)
        stream = access.watchable_stream(user, stream_id)
        clip = access.clip_of(stream, clip_id, user=user)
        return Response(clip_body(clip, stream, viewer_id=user.pk if user else None))

    @extend_schema(
        operation_id="deleteClip",
        tags=_TAGS,
        summary="Delete a clip",
        description="For the stream's seller.",
        request=None,
        responses={204: None} | refusals(403),
    )
    def destroy(self, request: Request, stream_id: UUID, clip_id: UUID) -> Response:
        clips.delete_clip(actor=current_user(request), stream_id=stream_id, clip_id=clip_id)
        return Response(status=204)
