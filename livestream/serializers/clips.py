"""Input and response shapes of clips."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from livestream.models import Clip, Stream
from livestream.models.clips import CLIP_SECONDS_MAX, CLIP_SECONDS_MIN
from livestream.selectors.playback import is_video_withdrawn, media_addresses
from soukloop.core.http.fields import PlainTextField

_WEEK = 7 * 24 * 3600
_WITHDRAWN = ("withdrawn", "nobody may see it")
SHOWN_STATES = [*Clip.State.choices, _WITHDRAWN]


class SecondsField(serializers.FloatField):
    """A time in a video; JSON's `true` is refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=_WEEK, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class ClipInput(serializers.Serializer[None]):
    """Times in the video, which are those of the replay: it has no pauses."""

    start_seconds = SecondsField()
    end_seconds = SecondsField(help_text="At most 60 after the start")
    title = PlainTextField(max_length=200, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        seconds = attrs["end_seconds"] - attrs["start_seconds"]
        if not CLIP_SECONDS_MIN <= seconds <= CLIP_SECONDS_MAX:
            message = _("A clip is between %(min)s and %(max)s seconds long.")
            limits = {"min": CLIP_SECONDS_MIN, "max": CLIP_SECONDS_MAX}
            raise serializers.ValidationError({"end_seconds": [message % limits]})
        return attrs


class ClipOutput(serializers.Serializer[None]):
    clipId = serializers.UUIDField()
    streamId = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.ChoiceField(
        choices=SHOWN_STATES, help_text="`withdrawn` with the replay, which says why"
    )
    startSeconds = serializers.FloatField(help_text="Position in the replay")
    endSeconds = serializers.FloatField(help_text="Never behind the end of the video, once it is ready")
    durationSeconds = serializers.FloatField(allow_null=True, help_text="Once it is ready")
    mp4Url = serializers.URLField(allow_null=True, help_text="Once it is ready")
    posterUrl = serializers.URLField(allow_null=True, help_text="Once it is ready")
    createdAt = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class ClipListOutput(serializers.Serializer[None]):
    items = ClipOutput(many=True)


def clip_body(clip: Clip, stream: Stream, *, viewer_id: UUID | None) -> dict[str, Any]:
    """Return a clip as clients receive it."""
    is_withdrawn = is_video_withdrawn(stream)
    is_ready = clip.state == Clip.State.READY and not is_withdrawn
    addresses = media_addresses(stream, viewer_id) if is_ready else None
    return {
        "clipId": clip.pk,
        "streamId": stream.pk,
        "title": clip.title,
        "state": _WITHDRAWN[0] if is_withdrawn else clip.state,
        "startSeconds": clip.start_seconds,
        "endSeconds": clip.end_seconds,
        "durationSeconds": clip.duration_seconds,
        "mp4Url": addresses.clip(clip.pk) if addresses else None,
        "posterUrl": addresses.clip_poster(clip.pk) if addresses else None,
        "createdAt": clip.created_at,
    }
