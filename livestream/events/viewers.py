"""The events of viewers who join, leave or are removed."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from livestream.events.examples import EXAMPLE_STREAM_ID, EXAMPLE_USER_ID
from livestream.models import Stream
from livestream.rooms import stream_room
from livestream.serializers.chat import ChatMessageOutput
from soukloop.realtime.events import EventSpec, Merge, declare_event, publish
from soukloop.realtime.sessions import remove_from_room_on_commit


class StreamJoinedOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    viewerCount = serializers.IntegerField(min_value=0)
    status = serializers.ChoiceField(choices=Stream.Status.choices)
    history = ChatMessageOutput(many=True)
    lastSeq = serializers.IntegerField(min_value=0)
    resync = serializers.BooleanField()
    hasPicture = serializers.BooleanField()
    reconnectBy = serializers.DateTimeField(allow_null=True)


class StreamLeftOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    reason = serializers.ChoiceField(choices=["stream_not_found", "followers_only"])


class ViewerCountOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    viewerCount = serializers.IntegerField(min_value=0)


class ViewerLeftOutput(ViewerCountOutput):
    userId = serializers.UUIDField()


class ViewerJoinedOutput(ViewerLeftOutput):
    username = serializers.CharField()


def _drop_all(waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return []


def _keep_newest(waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return waiting[-1:]


STREAM_JOINED = declare_event(
    EventSpec(
        name="stream:joined",
        doc="You joined a stream. `history` contains the last 100 messages, or those after the `after_seq`"
        " that you sent. If `resync` is true, you missed too many messages: read them over REST."
        " `hasPicture` is whether the encoder is connected and its video can be fetched. `reconnectBy` is"
        " when the stream ends unless a lost encoder reconnects.",
        output=StreamJoinedOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "viewerCount": 235,
            "status": "live",
            "history": [],
            "lastSeq": 456,
            "resync": False,
            "hasPicture": True,
            "reconnectBy": None,
        },
        rooms=(),
        for_guests=True,
    )
)
STREAM_LEFT = declare_event(
    EventSpec(
        name="stream:left",
        doc="You may no longer watch this stream and were removed from its room. `reason` is the error code"
        " that you would get for joining again: stream_not_found or followers_only.",
        output=StreamLeftOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "reason": "followers_only"},
        rooms=(),
        for_guests=True,
    )
)

VIEWER_JOINED = declare_event(
    EventSpec(
        name="viewer:joined",
        doc="A viewer joined. Not sent while more than 10 viewers join or leave in a second.",
        output=ViewerJoinedOutput,
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "userId": EXAMPLE_USER_ID,
            "username": "testbuyer",
            "viewerCount": 235,
        },
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=10, combine=_drop_all),
    )
)
VIEWER_LEFT = declare_event(
    EventSpec(
        name="viewer:left",
        doc="A viewer left. Not sent while more than 10 viewers join or leave in a second.",
        output=ViewerLeftOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "userId": EXAMPLE_USER_ID, "viewerCount": 234},
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=10, combine=_drop_all),
    )
)
VIEWER_COUNT = declare_event(
    EventSpec(
        name="viewer:count",
        doc="The number of viewers, after each change and every few seconds.",
        output=ViewerCountOutput,
        example={"streamId": EXAMPLE_STREAM_ID, "viewerCount": 235},
        rooms=("stream",),
        for_guests=True,
        ephemeral=True,
        merge=Merge(per_second=4, combine=_keep_newest),
    )
)


def remove_viewer(stream_id: UUID, user_id: UUID, *, reason: str) -> None:
    """Remove a person's connections from a stream's room on commit, and send them `stream:left`."""
    payload = {"streamId": stream_id, "reason": reason}
    remove_from_room_on_commit(user_id, stream_room(stream_id), STREAM_LEFT.name, payload)


def publish_viewer_joined(stream_id: UUID, user_id: UUID, username: str, viewer_count: int) -> None:
    payload = {"streamId": stream_id, "userId": user_id, "username": username, "viewerCount": viewer_count}
    publish(stream_room(stream_id), VIEWER_JOINED.name, payload)


def publish_viewer_left(stream_id: UUID, user_id: UUID, viewer_count: int) -> None:
    payload = {"streamId": stream_id, "userId": user_id, "viewerCount": viewer_count}
    publish(stream_room(stream_id), VIEWER_LEFT.name, payload)


def publish_viewer_count(stream_id: UUID, count: int) -> None:
    publish(stream_room(stream_id), VIEWER_COUNT.name, {"streamId": stream_id, "viewerCount": count})
