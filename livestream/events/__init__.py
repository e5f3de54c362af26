"""The events of live streams: names, payloads, and the rooms that receive them."""

from livestream.events.chat import (
    CHAT_MESSAGE,
    publish_chat_deleted,
    publish_chat_message,
    publish_chat_moderator,
    publish_chat_muted,
    publish_chat_settings,
    publish_reaction,
)
from livestream.events.products import publish_product_tagged, publish_product_untagged
from livestream.events.streams import (
    publish_replay_ready,
    publish_stream_ended,
    publish_stream_health,
    publish_stream_interrupted,
    publish_stream_live,
    publish_stream_resumed,
)
from livestream.events.viewers import (
    STREAM_JOINED,
    STREAM_LEFT,
    publish_viewer_count,
    publish_viewer_joined,
    publish_viewer_left,
    remove_viewer,
)

__all__ = [
    "CHAT_MESSAGE",
    "STREAM_JOINED",
    "STREAM_LEFT",
    "publish_chat_deleted",
    "publish_chat_message",
    "publish_chat_moderator",
    "publish_chat_muted",
    "publish_chat_settings",
    "publish_product_tagged",
    "publish_product_untagged",
    "publish_reaction",
    "publish_replay_ready",
    "publish_stream_ended",
    "publish_stream_health",
    "publish_stream_interrupted",
    "publish_stream_live",
    "publish_stream_resumed",
    "publish_viewer_count",
    "publish_viewer_joined",
    "publish_viewer_left",
    "remove_viewer",
]
