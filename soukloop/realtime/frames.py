"""Events encoded for the transports, once per process and transport for all members that receive them."""

import struct
from enum import IntEnum

from soukloop.core import jsonlib
from soukloop.realtime.events import EVENTS

# Socket.IO over Engine.IO: message (4), event (2), then `["name",data]`.
_SOCKETIO_PREFIX = b"42"


class WireFormat(IntEnum):
    """How a member's transport encodes events."""

    WEBSOCKET = 0
    SOCKETIO = 1


class Frame:
    """One event: `{"event", "data"}` for WebSockets, `42["event",data]` for Socket.IO."""

    __slots__ = ("_raw", "_texts", "data", "event", "is_ephemeral")

    def __init__(self, event: str, data: bytes, *, is_ephemeral: bool = False) -> None:
        self.event = event
        self.data = data
        self.is_ephemeral = is_ephemeral
        self._texts: list[bytes | None] = [None, None]
        self._raw: list[bytes | None] = [None, None]

    @property
    def is_for_guests(self) -> bool:
        """Return whether guests get it: an event that says so, or an acknowledgement, which has no name."""
        return not self.event or (self.event in EVENTS and EVENTS[self.event].for_guests)

    @classmethod
    def from_text(cls, text: bytes) -> "Frame":
        """Return a frame of an already encoded text, for one member."""
        frame = cls("", b"")
        frame._texts = [text, text]
        return frame

    def text(self, wire: WireFormat) -> bytes:
        """Return the message as UTF-8 text."""
        text = self._texts[wire]
        if text is None:
            name = jsonlib.dumps(self.event)
            if wire is WireFormat.WEBSOCKET:
                text = b'{"event":' + name + b',"data":' + self.data + b"}"
            else:
                text = _SOCKETIO_PREFIX + b"[" + name + b"," + self.data + b"]"
            self._texts[wire] = text
        return text

    def raw(self, wire: WireFormat) -> bytes:
        """Return the complete WebSocket frame, as bytes for the transport."""
        raw = self._raw[wire]
        if raw is None:
            raw = self._raw[wire] = websocket_frame(self.text(wire))
        return raw


class Batch:
    """Events sent together to the same members: one write for each member instead of many."""

    __slots__ = ("_for_guests", "_raw", "frames")

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames
        self._raw: list[bytes | None] = [None, None]
        self._for_guests: Batch | None = None

    def for_guests(self) -> "Batch":
        """Return what guests get of these events; made once for all guests."""
        if self._for_guests is None:
            shown = [frame for frame in self.frames if frame.is_for_guests]
            self._for_guests = self if len(shown) == len(self.frames) else Batch(shown)
        return self._for_guests

    def raw(self, wire: WireFormat) -> bytes:
        raw = self._raw[wire]
        if raw is None:
            raw = b"".join([frame.raw(wire) for frame in self.frames])
            self._raw[wire] = raw
        return raw


def websocket_frame(text: bytes) -> bytes:
    """Wrap a text as one unmasked, uncompressed WebSocket frame (RFC 6455, 5.2), as servers send them."""
    size = len(text)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + text
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + text
    return struct.pack("!BBQ", 0x81, 127, size) + text
