"""Uploads of videos by the protocol tus 1.0 (https://tus.io/protocols/resumable-upload), and their state."""

import io
from collections.abc import Mapping
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.utils.http import http_date
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user
from listings.access import own_video, require_may_upload_videos
from listings.error_codes import ListingsErrorCode
from listings.models import VideoUpload
from listings.serializers.videos import BeginVideoInput, VideoOutput, file_name_of, video_body
from listings.services import videos
from soukloop.core import jsonlib
from soukloop.core.errors import PreconditionFailed, ValidationFailed
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.validation import NoInput, validated, validated_query

_VERSION = "1.0.0"
_TAGS = ["Products"]
_ROOT = "/api/v1/uploads/videos"


def _header(name: str, kind: Any, description: str, *, required: bool = True) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, required=required, description=description)


_RESUMABLE = _header("Tus-Resumable", str, f"`{_VERSION}`")


class PartParser(BaseParser):
    """Take the bytes of a part as they are; the view reads them."""

    media_type = "application/offset+octet-stream"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return stream


class TusView(APIView):
    """A URL of the protocol: its version in each request and response, its abilities by OPTIONS."""

    def get_permissions(self) -> list[Any]:
        return [AllowAny() if self.request.method == "OPTIONS" else IsAuthenticated()]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Without the header, it is taken for a client of this version.
        if request.headers.get("Tus-Resumable", _VERSION) != _VERSION:
            message = _("Send the header Tus-Resumable: %(version)s.")
            raise PreconditionFailed(
                message, code=ListingsErrorCode.TUS_VERSION_UNSUPPORTED, params={"version": _VERSION}
            )

    def options(
        self,
        request: Request,  # type: ignore[override]
        *args: Any,
        **kwargs: Any,
    ) -> Response:
        return Response(
            status=204,
            headers={
                "Tus-Extension": "creation,expiration,termination",
                "Tus-Max-Size": str(settings.VIDEO_MAX_BYTES),
            },
        )

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response["Tus-Resumable"] = response["Tus-Version"] = _VERSION
        return super().finalize_response(request, response, *args, **kwargs)


class Videos(TusView):
    rate_scope = {"POST": "upload"}

    @extend_schema(
        operation_id="beginVideoUpload",
        tags=_TAGS,
        summary="Begin to upload a video",
        description=f"For sellers, by tus {_VERSION} with the extensions creation, expiration, termination."
        " The header `Location` of the answer is the URL to which the parts are sent."
        f" A video has at most {settings.VIDEO_MAX_BYTES // 2**20} MB and"
        f" {int(settings.VIDEO_MAX_DURATION.total_seconds() // 60)} minutes; MP4, MOV and WebM are accepted.",
        request=None,
        parameters=[
            _RESUMABLE,
            _header("Upload-Length", int, "Bytes of the whole file"),
            _header("Upload-Metadata", str, "`filename` and the name in base64", required=False),
        ],
        responses={201: VideoOutput} | refusals(403, 409, 412, 413),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = current_user(request)
        require_may_upload_videos(actor)
        validated(NoInput, request.data)
        length = request.headers.get("Upload-Length", "")
        if not (length.isascii() and length.isdigit()):
            message = _("Send the length of the whole file in bytes.")
            raise ValidationFailed(details={"upload_length": [message]})
        given = {
            "upload_length": length,
            "file_name": file_name_of(request.headers.get("Upload-Metadata", "")),
        }
        data = validated_query(BeginVideoInput, given)
        video = videos.begin_video(actor=actor, size=data["upload_length"], file_name=data["file_name"])
        return Response(video_body(video), status=201, headers=_headers(video))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        if response.status_code == 201:
            response.add_post_render_callback(_add_location)
        return super().finalize_response(request, response, *args, **kwargs)


class Video(TusView):
    parser_classes = (PartParser,)
    rate_scope = {"PATCH": "video_part"}

    @extend_schema(
        operation_id="getVideo",
        tags=_TAGS,
        summary="Show a video that you uploaded",
        description="Its state: uploading, waiting, processing, ready or failed. The event `video:progress`"
        " says when it changes.",
        responses={200: VideoOutput} | refusals(412),
    )
    def get(self, request: Request, video_id: UUID) -> Response:
        return Response(video_body(own_video(current_user(request), video_id)))

    def head(self, request: Request, video_id: UUID) -> Response:
        video = own_video(current_user(request), video_id)
        return Response(status=200, headers=_headers(video) | {"Cache-Control": "no-store"})

    @extend_schema(
        operation_id="appendToVideo",
        tags=_TAGS,
        summary="Send a part of a video",
        description="`Upload-Offset` is where the last part ended; `HEAD` answers it after an interruption. A"
        f" part has at most {settings.VIDEO_PART_MAX_BYTES // 2**20} MB: set your tus client's chunk size"
        " to that or less, because a part that is interrupted is sent again. After the last part the video is"
        " processed.",
        request={"application/offset+octet-stream": OpenApiTypes.BINARY},
        parameters=[_RESUMABLE, _header("Upload-Offset", int, "Bytes that were received before")],
        responses={204: None} | refusals(409, 412),
        examples=[
            OpenApiExample(
                "The bytes",
                "…",
                media_type="application/offset+octet-stream",
                request_only=True,
            )
        ],
    )
    def patch(self, request: Request, video_id: UUID) -> Response:
        offset = request.headers.get("Upload-Offset", "")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 16):
            message = _("Send the number of bytes that were received before.")
            raise ValidationFailed(details={"upload_offset": [message]})
        part: Any = request.data or io.BytesIO()  # {} without a body
        video = videos.append_to_video(
            actor=current_user(request), video_id=video_id, offset=int(offset), part=part
        )
        return Response(status=204, headers=_headers(video))

    @extend_schema(
        operation_id="deleteVideo",
        tags=_TAGS,
        summary="Delete a video that you uploaded",
        description="In any state, unless a product shows it (409 `video_in_use`).",
        request=None,
        parameters=[_RESUMABLE],
        responses={204: None} | refusals(409, 412),
    )
    def delete(self, request: Request, video_id: UUID) -> Response:
        videos.delete_video(actor=current_user(request), video_id=video_id)
        return Response(status=204)


def _add_location(response: Any) -> None:
    """Add the header; an answer that is repeated for an Idempotency-Key has none of its own."""
    response["Location"] = f"{_ROOT}/{jsonlib.loads(response.content)['data']['id']}"


def _headers(video: VideoUpload) -> dict[str, str]:
    headers = {
        "Upload-Offset": str(video.received),
        "Upload-Length": str(video.size),
    }
    if video.state == VideoUpload.State.UPLOADING:
        headers["Upload-Expires"] = http_date(video.expires_at.timestamp())
    return headers
