"""Streams, who was there, what was said, and the video behind it."""

from livestream.models.media import PublisherConnection, Replay
from livestream.models.rooms import (
    ChatMessage,
    ReactionTotal,
    StreamModerator,
    StreamMute,
    ViewerSample,
    ViewerSession,
)
from livestream.models.streams import ProductTag, Stream, StreamProduct, StreamQuerySet

__all__ = [
    "ChatMessage",
    "ProductTag",
    "PublisherConnection",
    "ReactionTotal",
    "Replay",
    "Stream",
    "StreamModerator",
    "StreamMute",
    "StreamProduct",
    "StreamQuerySet",
    "ViewerSample",
    "ViewerSession",
]
