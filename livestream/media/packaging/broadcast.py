"""What a broadcast consists of so far: its sections, and the segments of each rendition."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# The encoder's own picture, and its sound. The smaller pictures are named after their heights.
SOURCE, SOUND = "video", "audio"


@dataclass(frozen=True, slots=True)
class Track:
    """How a rendition of a section is decoded."""

    codecs: str
    timescale: int
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class PackagedSection:
    """Media without a change of its format: an HLS discontinuity, or a DASH period."""

    number: int
    started_at: float  # Unix time of its first frame
    start: float  # of its first frame, in seconds on the timeline of the segments
    tracks: Mapping[str, Track]

    def with_track(self, rendition: str, track: Track) -> "PackagedSection":
        return PackagedSection(self.number, self.started_at, self.start, {**self.tracks, rendition: track})


@dataclass(frozen=True, slots=True)
class Segment:
    """A file with some seconds of a rendition; times are in its track's timescale."""

    rendition: str
    section: int
    number: int
    start: int
    duration: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.rendition}-{self.section}-{self.number}.m4s"


def init_name(rendition: str, section: int) -> str:
    return f"{rendition}-{section}-init.mp4"


@dataclass(slots=True)
class BitRate:
    """A rendition's bits a second, over the segments that are long enough to say something."""

    highest: float = 0.0
    bits: float = 0.0
    seconds: float = 0.0

    @property
    def peak(self) -> float:
        return max(self.highest, self.average)

    @property
    def average(self) -> float:
        return self.bits / self.seconds if self.seconds else 0.0

    def add(self, size: int, seconds: float, *, target_duration: int) -> None:
        self.bits += size * 8
        self.seconds += seconds
        # RFC 8216 4.3.4.2 looks at stretches of at least half of the target duration.
        if seconds >= target_duration / 2:
            self.highest = max(self.highest, size * 8 / seconds)


@dataclass(slots=True)
class Broadcast:
    """A stream's sections and segments, in order.

    Segment n of each rendition covers the same time. A smaller picture lists the source's segment where it
    has none of its own, so that no rendition ends before the broadcast.
    """

    target_duration: int  # in seconds, for all renditions and until the end
    smaller: tuple[str, ...] = ()
    sections: dict[int, PackagedSection] = field(default_factory=dict)
    segments: dict[str, list[Segment]] = field(default_factory=dict)
    bit_rates: dict[str, BitRate] = field(default_factory=dict)
    is_ended: bool = False

    @property
    def renditions(self) -> tuple[str, ...]:
        return (SOURCE, *self.smaller, SOUND)

    @property
    def started_at(self) -> float:
        return next(iter(self.sections.values())).started_at

    def track(self, segment: Segment) -> Track:
        return self.sections[segment.section].tracks[segment.rendition]

    def seconds(self, segment: Segment) -> float:
        return segment.duration / self.track(segment).timescale

    def starts_at(self, segment: Segment) -> float:
        """Return the Unix time at which a segment's first frame was sent."""
        section = self.sections[segment.section]
        return section.started_at + segment.start / self.track(segment).timescale - section.start

    def add(self, segment: Segment, *, rendition: str = "") -> None:
        """Append a segment to its own rendition, or to one that has none of its own."""
        self.segments.setdefault(rendition or segment.rendition, []).append(segment)
        if not rendition:
            self.bit_rates.setdefault(segment.rendition, BitRate()).add(
                segment.size, max(self.seconds(segment), 0.001), target_duration=self.target_duration
            )

    def window(self, rendition: str, seconds: float) -> list[Segment]:
        """Return the newest segments of a rendition, of that many seconds at most but three at least."""
        chosen: list[Segment] = []
        total = 0.0
        for segment in reversed(self.segments.get(rendition, [])):
            total += self.seconds(segment)
            if total > seconds and len(chosen) >= 3:
                break
            chosen.append(segment)
        return chosen[::-1]
