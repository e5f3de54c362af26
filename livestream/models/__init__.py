"""Tables of live streams."""

from livestream.models.announcements import Announcement
from livestream.models.chat import ChatMessage, ReactionTotal, StreamModerator, StreamMute
from livestream.models.clips import Clip
from livestream.models.media import PublisherConnection, Replay
from livestream.models.streams import ProductClick, ProductTag, Stream, StreamProduct, StreamQuerySet
from livestream.models.viewers import ViewerSample, ViewerSession

__all__ = [
    "Announcement",
    "ChatMessage",
    "Clip",
    "ProductClick",
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
