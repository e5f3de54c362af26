"""What a repaired broadcast consists of: sections, and their frames."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .codecs import AudioConfig, VideoConfig


@dataclass(frozen=True)
class Section:
    """A part of the broadcast with one format of picture and sound.

    `video` and `audio` describe the frames that follow. A section whose `video.unsupported` is set has none.
    `audio.unsupported` is set where silence stands in for sound that browsers can't play.
    """

    number: int
    video: VideoConfig
    audio: AudioConfig
    has_picture: bool  # False: black, the encoder has sent no picture
    has_sound: bool  # False: silence, the encoder has announced no sound that can be played
    start: int  # ms
    offset: int  # where reading must begin again to get this section


class Frame(NamedTuple):
    """A picture or a piece of sound on the repaired timeline, in ms."""

    kind: Literal["audio", "video"]
    dts: int
    pts: int
    is_key: bool
    data: bytes  # FLV payload
    offset: int  # of its tag; of a keyframe: where reading must begin again to get it and all that follows
    is_filler: bool


Output = list[Section | Frame]
