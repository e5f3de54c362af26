"""The events of viewers who join, leave or are removed."""

from typing import Any
from uuid import UUID

from livestream.events.examples import EXAMPLE_STREAM_ID, EXAMPLE_USER_ID
from livestream.rooms import stream_room
from soukloop.realtime.events import EventSpec, Merge, declare_event, publish
from soukloop.realtime.sessions import remove_from_room_on_commit


def _none(waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return []


def _newest(waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return waiting[-1:]


STREAM_JOINED = declare_event(
    EventSpec(
        name="stream:joined",
        doc="You joined a stream. `history` holds the last 100 messages, or those after the `afterSeq` you"
        " sent. If `resync` is true, you missed too many: read them over REST.",
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "viewerCount": 235,
            "status": "live",
            "history": [],
            "lastSeq": 456,
            "resync": False,
        },
        rooms=(),
    )
)
STREAM_LEFT = declare_event(
    EventSpec(
        name="stream:left",
        doc="You may no longer watch this stream and were removed from its room. `reason` is the error code"
        " of joining again: stream_not_found, followers_only.",
        example={"streamId": EXAMPLE_STREAM_ID, "reason": "followers_only"},
        rooms=(),
    )
)
# Above 10 viewers joining or leaving a room in a second, only the number of viewers is sent.
VIEWER_JOINED = declare_event(
    EventSpec(
        name="viewer:joined",
        doc="A viewer joined. Above 10 a second only `viewer:count` is sent.",
        example={
            "streamId": EXAMPLE_STREAM_ID,
            "userId": EXAMPLE_USER_ID,
            "username": "testbuyer",
            "viewerCount": 235,
        },
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=10, combine=_none),
    )
)
VIEWER_LEFT = declare_event(
    EventSpec(
        name="viewer:left",
        doc="A viewer left. Above 10 a second only `viewer:count` is sent.",
        example={"streamId": EXAMPLE_STREAM_ID, "userId": EXAMPLE_USER_ID, "viewerCount": 234},
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=10, combine=_none),
    )
)
VIEWER_COUNT = declare_event(
    EventSpec(
        name="viewer:count",
        doc="How many people are watching: after each change, and every few seconds.",
        example={"streamId": EXAMPLE_STREAM_ID, "viewerCount": 235},
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=4, combine=_newest),
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
