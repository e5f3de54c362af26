"""The picture of one section after another, without long holes."""

import struct

from .codecs import VideoConfig
from .fillers import BLACK_PICTURE, BLACK_VIDEO, standing_picture
from .incoming import VideoFrame
from .sections import Frame, Output

_STANDING_MS = 1000  # between standing pictures
_DELAY = struct.Struct(">I")


class PictureTrack:
    """Writes pictures, and the last keyframe or black where there are none."""

    def __init__(self, out: Output) -> None:
        self.last = -1  # ms: when the last picture is decoded
        self.needs_keyframe = True
        self._out = out
        self._start = 0
        self._is_black = False
        self._keyframe, self._keyframe_record = b"", b""

    def begin_section(self, config: VideoConfig, start: int) -> None:
        self._is_black = config is BLACK_VIDEO
        self._start = start
        self.last = max(self.last, start - 1)
        self.needs_keyframe = True

    def remember(self, keyframe: VideoFrame) -> None:
        """Take a keyframe as the picture that stands when no other comes."""
        self._keyframe, self._keyframe_record = keyframe.data, keyframe.config.record

    def write(self, frame: VideoFrame, offset: int) -> int:
        """Write a picture of the encoder's; return when it is decoded."""
        dts = max(frame.dts, self.last + 1)
        data = frame.data
        delay = int(_DELAY.unpack_from(data, 1)[0]) & 0xFFFFFF
        if delay >= 1 << 23:
            delay -= 1 << 24
        if dts != frame.dts:
            delay = max(0, delay - (dts - frame.dts))
            data = data[:2] + delay.to_bytes(3, "big") + data[5:]
        self.last = dts
        self.needs_keyframe = False
        self._out.append(Frame("video", dts, dts + delay, frame.is_key, data, offset, False))
        return dts

    def stand(self, dts: int, offset: int) -> None:
        """Write the last keyframe, or black, once more. Other pictures make no sense after it."""
        data = BLACK_PICTURE if self._is_black else standing_picture(self._keyframe, self._keyframe_record)
        self.last = dts
        self.needs_keyframe = True
        self._out.append(Frame("video", dts, dts, True, data, offset, True))

    def fill(self, until: int, offset: int) -> None:
        """Write a standing picture every second up to a time."""
        if self.last < self._start:
            self.stand(self._start, offset)
        while self.last + _STANDING_MS <= until:
            self.stand(self.last + _STANDING_MS, offset)
