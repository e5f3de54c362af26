"""The events of a stream: names, payloads, rooms."""

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

from listings.rooms import product_room
from livestream.models import ChatMessage, ProductTag, Stream
from livestream.rooms import stream_room
from livestream.selectors.chat import chat_payload
from soukloop.realtime.events import EventSpec, Merge, declare_event, publish, publish_on_commit
from soukloop.realtime.rooms import user_room
from soukloop.realtime.sessions import remove_from_room_on_commit

Payload = dict[str, Any]

_STREAM = "4f1f8a3e-6a53-4f0e-9f5b-1d5ac0a3c9d2"
_USER = "c0a8d7b2-3c1d-4a55-8f43-0f8f8a7b6c11"
_PRODUCT = "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"


def _none(waiting: list[Payload]) -> list[Payload]:
    return []


def _newest(waiting: list[Payload]) -> list[Payload]:
    return waiting[-1:]


def _by_emoji(waiting: list[Payload]) -> list[Payload]:
    counts: Counter[str] = Counter()
    last: dict[str, Payload] = {}
    for reaction in waiting:
        counts[reaction["emoji"]] += reaction["count"]
        last[reaction["emoji"]] = reaction
    return [last[emoji] | {"count": count} for emoji, count in counts.items()]


STREAM_JOINED = declare_event(
    EventSpec(
        name="stream:joined",
        doc="You joined a stream. `history` holds the last 100 messages, or those after the `afterSeq` you"
        " sent. If `resync` is true, you missed too many: read them over REST.",
        example={
            "streamId": _STREAM,
            "viewerCount": 235,
            "status": "live",
            "history": [],
            "lastSeq": 456,
            "resync": False,
        },
        rooms=(),
    )
)
STREAM_LIVE = declare_event(
    EventSpec(
        name="stream:live",
        doc="A stream has gone live: sent to its seller's devices, and to people who have one of its products"
        " open.",
        example={
            "streamId": _STREAM,
            "title": "Flash Sale",
            "sellerId": _USER,
            "startedAt": "2025-10-18T10:10:00Z",
        },
        rooms=("user", "product"),
    )
)
STREAM_ENDED = declare_event(
    EventSpec(
        name="stream:ended",
        doc="The stream has ended. `reason`: owner, staff, publisher_gone, never_published, account_closed.",
        example={
            "streamId": _STREAM,
            "status": "ended",
            "reason": "owner",
            "endedAt": "2025-10-18T10:40:47Z",
            "duration": 1847,
            "vodUrl": "https://video.soukloop.com/vods/stream_abc123.m3u8",
        },
        rooms=("stream", "user"),
    )
)
STREAM_LEFT = declare_event(
    EventSpec(
        name="stream:left",
        doc="You may no longer watch this stream and were removed from its room. `reason` is the error code"
        " of joining again: stream_not_found, followers_only.",
        example={"streamId": _STREAM, "reason": "followers_only"},
        rooms=(),
    )
)
STREAM_INTERRUPTED = declare_event(
    EventSpec(
        name="stream:interrupted",
        doc="The encoder is disconnected. The stream ends unless it is back by `reconnectBy`.",
        example={"streamId": _STREAM, "reconnectBy": "2025-10-18T10:21:00Z"},
        rooms=("stream",),
    )
)
STREAM_RESUMED = declare_event(
    EventSpec(
        name="stream:resumed",
        doc="The encoder is connected, or connected again: video follows within seconds.",
        example={"streamId": _STREAM},
        rooms=("stream",),
    )
)
REPLAY_READY = declare_event(
    EventSpec(
        name="stream:replay_ready",
        doc="The replay of a stream can be watched.",
        example={
            "streamId": _STREAM,
            "state": "ready",
            "vodUrl": "https://video.soukloop.com/vods/stream_abc123.m3u8",
        },
        rooms=("stream", "user"),
    )
)
# Above 10 viewers joining or leaving a room in a second, only the number of viewers is sent.
VIEWER_JOINED = declare_event(
    EventSpec(
        name="viewer:joined",
        doc="A viewer joined. Above 10 a second only `viewer:count` is sent.",
        example={"streamId": _STREAM, "userId": _USER, "username": "testbuyer", "viewerCount": 235},
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=10, combine=_none),
    )
)
VIEWER_LEFT = declare_event(
    EventSpec(
        name="viewer:left",
        doc="A viewer left. Above 10 a second only `viewer:count` is sent.",
        example={"streamId": _STREAM, "userId": _USER, "viewerCount": 234},
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=10, combine=_none),
    )
)
VIEWER_COUNT = declare_event(
    EventSpec(
        name="viewer:count",
        doc="How many people are watching: after each change, and every few seconds.",
        example={"streamId": _STREAM, "viewerCount": 235},
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=4, combine=_newest),
    )
)
CHAT_MESSAGE = declare_event(
    EventSpec(
        name="chat:message",
        doc="A message in a stream's chat. `seq` has no gaps: join with `afterSeq` to get missing messages.",
        example={
            "messageId": "9a1de3d4-98c1-4b70-8dd3-0f9b1c0f2e44",
            "streamId": _STREAM,
            "seq": 456,
            "userId": _USER,
            "username": "testbuyer",
            "avatarUrl": None,
            "message": "This is amazing! 🔥",
            "timestamp": "2025-10-18T10:12:31.482913Z",
        },
        rooms=("stream",),
    )
)
CHAT_DELETED = declare_event(
    EventSpec(
        name="chat:deleted",
        doc="A message in a stream's chat was deleted: remove it from the screen.",
        example={"streamId": _STREAM, "messageId": "9a1de3d4-98c1-4b70-8dd3-0f9b1c0f2e44", "seq": 456},
        rooms=("stream",),
    )
)
CHAT_SETTINGS = declare_event(
    EventSpec(
        name="chat:settings",
        doc="The host or a moderator changed the chat's rules.",
        example={"streamId": _STREAM, "enableChat": True, "slowModeSeconds": 10},
        rooms=("stream",),
    )
)
CHAT_MUTED = declare_event(
    EventSpec(
        name="chat:muted",
        doc="You were muted in this stream (`muted` is true), or may write again.",
        example={"streamId": _STREAM, "muted": True},
        rooms=("user",),
    )
)
REACTION_NEW = declare_event(
    EventSpec(
        name="reaction:new",
        doc="A reaction. Above 20 a second in a room they are combined by emoji: `count` is their number,"
        " `userId` the last person.",
        example={"streamId": _STREAM, "emoji": "❤️", "userId": _USER, "count": 1},
        rooms=("stream",),
        ephemeral=True,
        merge=Merge(per_second=20, combine=_by_emoji),
    )
)
PRODUCT_TAGGED = declare_event(
    EventSpec(
        name="product:tagged",
        doc="A product was placed on the picture: `x` and `y` from 0 to 1, from the top left corner.",
        example={
            "streamId": _STREAM,
            "productId": _PRODUCT,
            "title": "Nike Air Jordan 1",
            "price": 850.00,
            "currency": "AED",
            "thumbnailUrl": "https://example.com/image1.jpg",
            "x": 0.42,
            "y": 0.63,
            "timestampSeconds": 120,
        },
        rooms=("stream",),
    )
)
PRODUCT_UNTAGGED = declare_event(
    EventSpec(
        name="product:untagged",
        doc="A product is no longer in the stream. `reason` is removed, sold, hidden or deleted.",
        example={"streamId": _STREAM, "productId": _PRODUCT, "reason": "removed"},
        rooms=("stream",),
    )
)


def stream_live(stream: Stream, product_ids: list[UUID]) -> None:
    payload = {
        "streamId": stream.pk,
        "title": stream.title,
        "sellerId": stream.seller_id,
        "startedAt": stream.started_at,
    }
    for room in (user_room(stream.seller_id), *map(product_room, product_ids)):
        publish_on_commit(room, STREAM_LIVE.name, payload)


def stream_ended(stream: Stream, *, vod_url: str | None) -> None:
    payload = {
        "streamId": stream.pk,
        "status": stream.status,
        "reason": stream.end_reason,
        "endedAt": stream.ended_at,
        "duration": stream.duration_seconds,
        "vodUrl": vod_url,
    }
    _publish_to_room_and_seller(stream, STREAM_ENDED.name, payload)


def stream_interrupted(stream: Stream, reconnect_by: datetime) -> None:
    payload = {"streamId": stream.pk, "reconnectBy": reconnect_by}
    publish_on_commit(stream_room(stream.pk), STREAM_INTERRUPTED.name, payload)


def stream_resumed(stream: Stream) -> None:
    publish_on_commit(stream_room(stream.pk), STREAM_RESUMED.name, {"streamId": stream.pk})


def replay_ready(stream: Stream, *, state: str, vod_url: str | None) -> None:
    payload = {"streamId": stream.pk, "state": state, "vodUrl": vod_url}
    _publish_to_room_and_seller(stream, REPLAY_READY.name, payload)


def _publish_to_room_and_seller(stream: Stream, event: str, payload: Payload) -> None:
    """Publish to a stream's room, and to the devices of its seller that aren't in it."""
    room = stream_room(stream.pk)
    publish_on_commit(room, event, payload)
    publish_on_commit(user_room(stream.seller_id), event, payload, exclude_members_of=room)


def remove_viewer(stream_id: UUID, user_id: UUID, *, reason: str) -> None:
    """Remove a person's connections from a stream's room on commit, and send them `stream:left`."""
    payload = {"streamId": stream_id, "reason": reason}
    remove_from_room_on_commit(user_id, stream_room(stream_id), STREAM_LEFT.name, payload)


def viewer_joined(stream_id: UUID, user_id: UUID, username: str, viewer_count: int) -> None:
    payload = {"streamId": stream_id, "userId": user_id, "username": username, "viewerCount": viewer_count}
    publish(stream_room(stream_id), VIEWER_JOINED.name, payload)


def viewer_left(stream_id: UUID, user_id: UUID, viewer_count: int) -> None:
    payload = {"streamId": stream_id, "userId": user_id, "viewerCount": viewer_count}
    publish(stream_room(stream_id), VIEWER_LEFT.name, payload)


def viewer_count(stream_id: UUID, count: int) -> None:
    publish(stream_room(stream_id), VIEWER_COUNT.name, {"streamId": stream_id, "viewerCount": count})


def chat_message(message: ChatMessage) -> Payload:
    """Publish a message to its stream's room on commit, and return the payload."""
    payload = chat_payload(message)
    publish_on_commit(stream_room(message.stream_id), CHAT_MESSAGE.name, payload)
    return payload


def chat_deleted(message: ChatMessage) -> None:
    payload = {"streamId": message.stream_id, "messageId": message.pk, "seq": message.seq}
    publish_on_commit(stream_room(message.stream_id), CHAT_DELETED.name, payload)


def chat_settings(stream: Stream) -> None:
    payload = {
        "streamId": stream.pk,
        "enableChat": stream.enable_chat,
        "slowModeSeconds": stream.slow_mode_seconds,
    }
    publish_on_commit(stream_room(stream.pk), CHAT_SETTINGS.name, payload)


def chat_muted(stream: Stream, user_id: UUID, *, is_muted: bool) -> None:
    publish_on_commit(user_room(user_id), CHAT_MUTED.name, {"streamId": stream.pk, "muted": is_muted})


def reaction_new(stream_id: UUID, user_id: UUID, emoji: str) -> None:
    payload = {"streamId": stream_id, "emoji": emoji, "userId": user_id, "count": 1}
    publish(stream_room(stream_id), REACTION_NEW.name, payload)


def product_tagged(tag: ProductTag) -> None:
    stream_product = tag.stream_product
    payload = {
        "streamId": stream_product.stream_id,
        "productId": stream_product.product_id,
        "title": stream_product.product.title,
        "price": stream_product.product.price,
        "currency": stream_product.product.currency,
        "thumbnailUrl": stream_product.product.thumbnail_url or None,
        "x": tag.x,
        "y": tag.y,
        "timestampSeconds": tag.timestamp_seconds,
    }
    publish_on_commit(stream_room(stream_product.stream_id), PRODUCT_TAGGED.name, payload)


def product_untagged(stream_id: UUID, product_id: UUID, reason: str) -> None:
    payload = {"streamId": stream_id, "productId": product_id, "reason": reason}
    publish_on_commit(stream_room(stream_id), PRODUCT_UNTAGGED.name, payload)
