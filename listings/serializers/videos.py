"""Shapes of uploaded videos, and the headers of their uploads (tus 1.0)."""

import base64
import binascii
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from listings.models import VideoUpload
from soukloop.core.http.fields import PlainTextField
from soukloop.core.images import PictureOutput, picture

_FILE_NAME_MAX = 200


class VideoErrorOutput(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=VideoUpload.Reason.choices)
    message = serializers.CharField()


class VideoOutput(serializers.Serializer[Any]):
    """A video that you uploaded."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=VideoUpload.State.choices)
    size = serializers.IntegerField(help_text="Bytes of the whole file")
    received = serializers.IntegerField(help_text="Bytes that have arrived")
    progress = serializers.IntegerField(help_text="Percent of the processing")
    duration = serializers.FloatField(allow_null=True, help_text="Seconds; null until it is ready")
    video_url = serializers.URLField(allow_null=True, help_text="Of the HLS playlist; null until it is ready")
    thumbnail_url = serializers.URLField(allow_null=True)
    image = PictureOutput(allow_null=True, help_text="The thumbnail")
    error = VideoErrorOutput(allow_null=True, help_text="Why it is `failed`")
    expires_at = serializers.DateTimeField(help_text="When it is deleted unless it is complete")
    created_at = serializers.DateTimeField()


class VideoProgressOutput(serializers.Serializer[Any]):
    """The data of `video:progress`."""

    videoId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=VideoUpload.State.choices)
    progress = serializers.IntegerField()
    duration = serializers.FloatField(allow_null=True)
    videoUrl = serializers.URLField(allow_null=True)
    thumbnailUrl = serializers.URLField(allow_null=True)
    error = VideoErrorOutput(allow_null=True)


class BeginVideoInput(serializers.Serializer[Any]):
    """The headers with which an upload begins."""

    upload_length = serializers.IntegerField(min_value=1, max_value=2**53)
    file_name = PlainTextField(required=False, allow_blank=True, max_length=_FILE_NAME_MAX, default="")


def video_body(video: VideoUpload) -> dict[str, Any]:
    """Return a VideoOutput."""
    shown = picture(video.poster)
    is_ready = video.state == VideoUpload.State.READY
    return {
        "id": video.pk,
        "status": video.state,
        "size": video.size,
        "received": video.received,
        "progress": video.progress,
        "duration": video.duration_seconds,
        "video_url": video.url if is_ready else None,
        "thumbnail_url": shown and shown["url"],
        "image": shown,
        "error": _error(video),
        "expires_at": video.expires_at,
        "created_at": video.created_at,
    }


def video_progress_payload(video: VideoUpload) -> dict[str, Any]:
    """Return the payload of `video:progress`."""
    body = video_body(video)
    return {
        "videoId": body["id"],
        "status": body["status"],
        "progress": body["progress"],
        "duration": body["duration"],
        "videoUrl": body["video_url"],
        "thumbnailUrl": body["thumbnail_url"],
        "error": body["error"],
    }


def file_name_of(metadata: str) -> str:
    """Return the name in an `Upload-Metadata` header: `filename d29ybGQubXA0,filetype …`, in base64.

    Raises ValidationError.
    """
    for pair in metadata.split(","):
        key, _separator, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                return base64.b64decode(value, validate=True).decode()[:_FILE_NAME_MAX]
            except (binascii.Error, ValueError) as error:
                raise serializers.ValidationError(
                    {"upload_metadata": [_("The file's name must be in base64.")]}
                ) from error
    return ""


def _error(video: VideoUpload) -> dict[str, Any] | None:
    if video.state != VideoUpload.State.FAILED:
        return None
    reason = VideoUpload.Reason(video.reason)
    return {"code": reason.value, "message": str(reason.label)}
