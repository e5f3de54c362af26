"""Smaller renditions: their sizes, how ffmpeg makes them, and how many broadcasts have them."""

from collections.abc import Sequence
from dataclasses import dataclass

from livestream.media.flv.codecs import VideoConfig


@dataclass(frozen=True)
class Rendition:
    """A smaller picture, named after its shorter side."""

    name: str
    short_side: int
    bit_rate: int
    preset: str


# Together 0.34 of a core for 720p at 30 pictures a second. With 128 kbit/s of sound the smaller one fits a
# connection of 1 Mbit/s.
LADDER = (
    Rendition("480p", 480, 1_000_000, "veryfast"),
    Rendition("360p", 360, 500_000, "superfast"),
)


class Transcoders:
    """The places for broadcasts with smaller renditions; the others go on with the source alone."""

    def __init__(self, limit: int) -> None:
        self.free = limit
        self.dropped = 0  # how often a broadcast lost its place

    def take(self) -> bool:
        if self.free <= 0:
            return False
        self.free -= 1
        return True

    def give_back(self) -> None:
        self.free += 1


def smaller_than(video: VideoConfig) -> list[Rendition]:
    """Return the renditions that are smaller than the source."""
    return [one for one in LADDER if one.short_side < min(video.width, video.height)]


def size_of(rendition: Rendition, video: VideoConfig) -> tuple[int, int]:
    """Return a rendition's width and height: the source's shape, in even numbers as H.264 wants them."""
    factor = rendition.short_side / min(video.width, video.height)
    return _even(video.width * factor), _even(video.height * factor)


def outputs(renditions: Sequence[Rendition], video: VideoConfig) -> list[tuple[str, list[str]]]:
    """Return the name and ffmpeg's options of each rendition."""
    return [
        (
            rendition.name,
            [
                *("-map", f"[{rendition.name}]", "-c:v", "libx264", "-preset", rendition.preset),
                # No picture waits for later ones, and the only keyframes are those of the source.
                *("-tune", "zerolatency", "-threads", "1", "-bf", "0", "-profile:v", "main"),
                *("-force_key_frames", "source", "-g", "100000", "-sc_threshold", "0"),
                *("-b:v", str(rendition.bit_rate), "-maxrate", str(rendition.bit_rate)),
                *("-bufsize", str(rendition.bit_rate), "-pix_fmt", "yuv420p"),
                *("-fps_mode", "passthrough", "-enc_time_base", "-1", "-video_track_timescale", "90000"),
            ],
        )
        for rendition in renditions
    ]


def filters(renditions: Sequence[Rendition], video: VideoConfig) -> list[str]:
    """Return ffmpeg's options that scale the picture to each rendition's size."""
    names = [rendition.name for rendition in renditions]
    split = f"[0:v:0]split={len(names)}" + "".join(f"[from-{name}]" for name in names)
    scaled = [
        f"[from-{rendition.name}]scale={':'.join(map(str, size_of(rendition, video)))}:flags=bilinear,"
        f"setsar=1[{rendition.name}]"
        for rendition in renditions
    ]
    return ["-filter_complex_threads", "1", "-filter_complex", ";".join([split, *scaled])]


def _even(number: float) -> int:
    return max(2, round(number / 2) * 2)
