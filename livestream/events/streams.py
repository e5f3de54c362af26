"""The events of a stream's status: live, interrupted, resumed, ended, replay ready."""

from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

from listings.rooms import product_room
from livestream.events.examples import EXAMPLE_STREAM_ID, EXAMPLE_USER_ID
from livestream.models import Replay, Stream
from livestream.rooms import stream_room
from livestream.serializers.health import AudioHealthOutput, VideoHealthOutput, WarningOutput
from soukloop.realtime.events import EventSpec, declare_event, publish, publish_on_commit
from soukloop.realtime.rooms import user_room


class StreamLiveOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    title = serializers.CharField()
    sellerId = serializers.UUIDField()
    startedAt = serializers.DateTimeField()


class StreamEndedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Stream.Status.choices)
    reason = serializers.ChoiceField(choices=Stream.EndReason.choices)
    endedAt = serializers.DateTimeField()
    duration = serializers.IntegerField(min_value=0, help_text="Seconds")
    vodUrl = serializers.URLField(allow_null=True)


class StreamInterruptedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    reconnectBy = serializers.DateTimeField()


class StreamResumedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()


class EncoderHealthOutput(serializers.Serializer[None]):
    """A measurement; `video` and `audio` are null until something was measured."""

    streamId = serializers.UUIDField()
    video = VideoHealthOutput(allow_null=True)
    audio = AudioHealthOutput(allow_null=True)
    droppedFrames = serializers.IntegerField(min_value=0, help_text="Since the encoder connected")
    lastMediaAt = serializers.DateTimeField(allow_null=True)
    warnings = WarningOutput(many=True)


class ReplayReadyOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Replay.State.choices)
    vodUrl = serializers.URLField(allow_null=True)


STREAM_LIVE = declare_event(
    EventSpec(
        name="stream:live",
        doc="A stream went live. Sent to its seller's devices and to people who watch one of its products.",
        output=StreamLiveOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "title": "Flash Sale",
            "sellerId": EXAMPLE_USER_ID,
            "startedAt": "2025-10-18T10:10:00Z",
        },
        rooms=("user", "product"),
    )
)
STREAM_ENDED = declare_event(
    EventSpec(
        name="stream:ended",
        doc="The stream has ended. `reason`: owner, staff, publisher_gone, never_published, account_closed."
        " `vodUrl` is where the replay will be; null in a followers-only stream: ask for the replay.",
        output=StreamEndedOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "status": "ended",
            "reason": "owner",
            "endedAt": "2025-10-18T10:40:47Z",
            "duration": 1847,
            "vodUrl": "https://video.soukloop.com/vods/stream_abc123.m3u8",
        },
        rooms=("stream", "user"),
        for_guests=True,
    )
)
STREAM_INTERRUPTED = declare_event(
    EventSpec(
        name="stream:interrupted",
        doc="The encoder disconnected. The stream ends unless the encoder reconnects by `reconnectBy`.",
        output=StreamInterruptedOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "reconnectBy": "2025-10-18T10:21:00Z"},
        rooms=("stream",),
        for_guests=True,
    )
)
STREAM_RESUMED = declare_event(
    EventSpec(
        name="stream:resumed",
        doc="The encoder connected or reconnected, and its first segment can be fetched.",
        output=StreamResumedOutput,
        example={"streamId": EXAMPLE_STREAM_ID},
        rooms=("stream",),
        for_guests=True,
    )
)
STREAM_HEALTH = declare_event(
    EventSpec(
        name="stream:health",
        doc="What the encoder of your stream sends, every 2 s while it is connected. `warnings` are what"
        " viewers would complain about; docs/going-live.md has their codes. Bit rates are bits a second.",
        output=EncoderHealthOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "video": {
                "codec": "h264",
                "width": 1280,
                "height": 720,
                "frameRate": 30.0,
                "bitrate": 3_100_000,
                "keyframeDistance": 8.3,
            },
            "audio": {"codec": "aac", "sampleRate": 48_000, "channels": 2, "bitrate": 128_000},
            "droppedFrames": 0,
            "lastMediaAt": "2025-10-18T10:20:00Z",
            "warnings": [
                {"code": "keyframes_too_far", "message": "Set the keyframe interval of the encoder to 1 s."}
            ],
        },
        ephemeral=True,
    )
)
REPLAY_READY = declare_event(
    EventSpec(
        name="stream:replay_ready",
        doc="The replay of a stream can be watched. `vodUrl` is null for a followers-only stream: ask for the"
        " replay.",
        output=ReplayReadyOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "state": "ready",
            "vodUrl": "https://video.soukloop.com/vods/stream_abc123.m3u8",
        },
        rooms=("stream", "user"),
        for_guests=True,
    )
)


def publish_stream_live(stream: Stream, product_ids: list[UUID]) -> None:
    payload = {
        "streamId": stream.pk,
        "title": stream.title,
        "sellerId": stream.seller_id,
        "startedAt": stream.started_at,
    }
    for room in (user_room(stream.seller_id), *map(product_room, product_ids)):
        publish_on_commit(room, STREAM_LIVE.name, payload)


def publish_stream_ended(stream: Stream, *, vod_url: str | None) -> None:
    payload = {
        "streamId": stream.pk,
        "status": stream.status,
        "reason": stream.end_reason,
        "endedAt": stream.ended_at,
        "duration": stream.duration_seconds,
        "vodUrl": vod_url,
    }
    _publish_to_room_and_seller(stream, STREAM_ENDED.name, payload)


def publish_stream_interrupted(stream: Stream, reconnect_by: datetime) -> None:
    payload = {"streamId": stream.pk, "reconnectBy": reconnect_by}
    publish_on_commit(stream_room(stream.pk), STREAM_INTERRUPTED.name, payload)


def publish_stream_resumed(stream: Stream) -> None:
    publish_on_commit(stream_room(stream.pk), STREAM_RESUMED.name, {"streamId": stream.pk})


def publish_stream_health(stream: Stream, payload: dict[str, Any]) -> None:
    """Send a measurement to the seller's devices, now: it depends on no transaction."""
    publish(user_room(stream.seller_id), STREAM_HEALTH.name, payload)


def publish_replay_ready(stream: Stream, *, state: str, vod_url: str | None) -> None:
    payload = {"streamId": stream.pk, "state": state, "vodUrl": vod_url}
    _publish_to_room_and_seller(stream, REPLAY_READY.name, payload)


def _publish_to_room_and_seller(stream: Stream, event: str, payload: dict[str, Any]) -> None:
    """Publish to a stream's room, and to the devices of its seller that aren't in it."""
    room = stream_room(stream.pk)
    publish_on_commit(room, event, payload)
    publish_on_commit(user_room(stream.seller_id), event, payload, exclude_members_of=room)
