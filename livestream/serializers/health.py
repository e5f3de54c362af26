"""Response shape of a stream's health."""

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from livestream.media.health import Health, HealthWarning
from livestream.models import Stream
from livestream.selectors.broadcasts import BroadcastState
from soukloop.core import jsonlib

MESSAGES = {
    HealthWarning.NO_PICTURE: _("No picture arrives, so viewers see a still one. Check the camera."),
    HealthWarning.NO_SOUND: _("No sound arrives. Check the microphone."),
    HealthWarning.NO_MEDIA: _("Nothing arrives. Check the network; after 20 s the connection is closed."),
    HealthWarning.KEYFRAMES_TOO_FAR: _("Viewers are far behind. Set the encoder's keyframe interval to 1 s."),
    HealthWarning.UNSUPPORTED_CODEC: _(
        "Browsers and phones can't play this. Set the encoder to H.264 (4:2:0, 8 bit) and AAC."
    ),
    HealthWarning.CLOCK_JUMPED: _(
        "The encoder's clock jumped: viewers saw a cut. If that repeats, restart it."
    ),
    HealthWarning.TOO_FAST_FOR_CONNECTION: _("The connection is too slow for this bit rate. Lower it."),
    HealthWarning.STORAGE_FULL: _("The server is running out of space. The recording may be incomplete."),
}

_NOTHING: dict[str, Any] = {
    "video": None,
    "audio": None,
    "droppedFrames": 0,
    "lastMediaAt": None,
    "warnings": [],
}


WARNING_CODES = [warning.value for warning in HealthWarning]


class VideoHealthOutput(serializers.Serializer[None]):
    codec = serializers.CharField()
    width = serializers.IntegerField(
        allow_null=True, help_text="Pixels; null for a codec that isn't supported"
    )
    height = serializers.IntegerField(
        allow_null=True, help_text="Pixels; null for a codec that isn't supported"
    )
    frameRate = serializers.FloatField(help_text="Frames a second, over 5 s")
    bitrate = serializers.IntegerField(help_text="Bits a second, over 5 s")
    keyframeDistance = serializers.FloatField(allow_null=True, help_text="Seconds; null before two keyframes")


class AudioHealthOutput(serializers.Serializer[None]):
    codec = serializers.CharField()
    sampleRate = serializers.IntegerField(help_text="Hz")
    channels = serializers.IntegerField()
    bitrate = serializers.IntegerField(help_text="Bits a second, over 5 s")


class WarningOutput(serializers.Serializer[None]):
    code = serializers.ChoiceField(choices=WARNING_CODES)
    message = serializers.CharField()


class HealthOutput(serializers.Serializer[None]):
    """What the encoder sends; `video` and `audio` are null until something was measured."""

    streamId = serializers.UUIDField()
    isConnected = serializers.BooleanField(help_text="Whether an encoder is connected")
    hasPicture = serializers.BooleanField(help_text="Whether viewers can fetch its video")
    reconnectBy = serializers.DateTimeField(
        allow_null=True, help_text="When the stream ends unless the lost encoder reconnects"
    )
    video = VideoHealthOutput(allow_null=True)
    audio = AudioHealthOutput(allow_null=True)
    droppedFrames = serializers.IntegerField(help_text="Since the encoder connected")
    lastMediaAt = serializers.DateTimeField(allow_null=True)
    warnings = WarningOutput(many=True)


def warning_body(code: str) -> dict[str, str]:
    return {"code": code, "message": str(MESSAGES[HealthWarning(code)])}


def measurement_body(health: Health) -> dict[str, Any]:
    """Return a measurement as JSON values: what is kept in Redis and sent to the seller."""
    video, audio = health.video, health.audio
    return {
        "video": video
        and {
            "codec": video.codec,
            "width": video.width or None,
            "height": video.height or None,
            "frameRate": video.frame_rate,
            "bitrate": video.bitrate,
            "keyframeDistance": video.keyframe_distance,
        },
        "audio": audio
        and {
            "codec": audio.codec,
            "sampleRate": audio.sample_rate,
            "channels": audio.channels,
            "bitrate": audio.bitrate,
        },
        "droppedFrames": health.dropped_frames,
        "lastMediaAt": _time(health.last_media_at),
        "warnings": [warning_body(warning) for warning in health.warnings],
    }


def silence_body() -> dict[str, Any]:
    """Return what is said of an encoder that is connected and has sent nothing."""
    return {**_NOTHING, "warnings": [warning_body(HealthWarning.NO_MEDIA)]}


def health_body(
    stream: Stream, broadcast: BroadcastState, measurement: dict[str, Any] | None, *, is_silent: bool
) -> dict[str, Any]:
    """Return the state of a stream's encoder; `measurement` is the last one, if it is a few seconds old."""
    body = {
        "streamId": stream.pk,
        "isConnected": broadcast.has_encoder,
        "hasPicture": broadcast.has_picture,
        "reconnectBy": broadcast.reconnect_by,
        **(measurement or (silence_body() if is_silent else _NOTHING)),
    }
    # In the language of this request; a measurement is kept with messages in the seller's.
    body["warnings"] = [warning_body(warning["code"]) for warning in body["warnings"]]
    if not broadcast.has_encoder:
        body["warnings"] = [one for one in body["warnings"] if one["code"] != HealthWarning.NO_MEDIA]
    if broadcast.refusal and not any(warning["code"] == broadcast.refusal for warning in body["warnings"]):
        body["warnings"] = [*body["warnings"], warning_body(broadcast.refusal)]
    return body


def _time(unix: float | None) -> str | None:
    if unix is None:
        return None
    return jsonlib.isoformat(datetime.fromtimestamp(unix, UTC))
