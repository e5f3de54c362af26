"""What a stream's recordings contain: repaired sections, when each was broadcast, and what can't be used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from pathlib import Path

from livestream.media import recordings
from livestream.media.flv.repair import Repair
from livestream.media.flv.sections import Frame, Section
from livestream.media.flv.tags import GrowingRecording, NotFlv, Tag

_PICTURE_MS_MAX = 1000  # how long the last picture is shown at most
_PAUSE_MS_MIN = 1000
_NEWEST_TAGS = 10_000  # more than repair keeps waiting
_FILE_TIMES_DIFFER_MS = 3000  # a recording's name has whole seconds, and a connection begins before its media


@dataclass(frozen=True)
class Piece:
    """A section of a recording, and its place in the replay and in time."""

    recording: Path
    section: Section
    milliseconds: int
    position: int  # ms from the start of the replay
    keyframes: tuple[int, ...] = ()  # ms from the start of the section
    begin: int = 0  # ms from the start of the section, at a keyframe


@dataclass
class Contents:
    """The usable sections of all recordings, in order; and why others aren't."""

    pieces: list[Piece] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)
    """The Unix time and length in seconds of what was broadcast without a pause."""
    unsupported: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def milliseconds(self) -> int:
        return sum(piece.milliseconds for piece in self.pieces)

    @property
    def picture_at(self) -> float | None:
        """Return a position, in seconds, at which there is a picture; None if there is none at all."""
        for piece in self.pieces:
            if piece.section.has_picture:
                return (piece.position + min(3000, piece.milliseconds / 2)) / 1000
        return None


def read_contents(paths: Sequence[Path]) -> Contents:
    """Read recordings from start to end; raises OSError."""
    contents = Contents()
    for path in paths:
        _read_recording(path, contents)
    return contents


def sections_of(path: Path) -> Iterator[tuple[Section, Iterator[Frame]]]:
    """Yield each section with its frames, which must be read before the next section."""
    current: Section | None = None

    def section_of(output: Section | Frame) -> Section | None:
        nonlocal current
        if isinstance(output, Section):
            current = output
        return current

    for section, outputs in groupby(_Reader(path), section_of):
        if section is not None:
            yield section, (output for output in outputs if isinstance(output, Frame))


class _Reader:
    """Repairs one recording, once, and notes what can't be read and where the encoder's clock jumped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.broken = ""
        self._recorded_times: dict[int, int] = {}  # of the newest tags, by offset
        self._skews: dict[str, int] = {}  # how far each track's recorded time is ahead of the repaired one
        self.jumps: list[tuple[int, int]] = []  # repaired time, and by how much it jumped forward; in ms

    def __iter__(self) -> Iterator[Section | Frame]:
        """Yield what repair makes of the recording, up to where it is broken."""
        repair = Repair()
        has_section = False
        with GrowingRecording(self._path) as recording:
            try:
                while tags := recording.read():
                    for tag in tags:
                        self._note_time(tag)
                        outputs = repair.feed(tag)
                        has_section = has_section or bool(outputs)
                        yield from outputs
            except NotFlv as error:
                self.broken = f"{self._path.name}: {error}"
            outputs = repair.finish()
            yield from outputs
        if repair.problems and not has_section and not outputs:
            self.broken = f"{self._path.name}: {dict(repair.problems)}"

    def _note_time(self, tag: Tag) -> None:
        self._recorded_times[tag.offset] = tag.timestamp
        if len(self._recorded_times) > _NEWEST_TAGS:
            for offset in list(self._recorded_times)[: _NEWEST_TAGS // 2]:
                del self._recorded_times[offset]

    def note_jump(self, frame: Frame) -> None:
        """Note whether the encoder's clock jumped before a frame."""
        recorded = self._recorded_times.get(frame.offset)
        if recorded is None or frame.is_filler:
            return
        skew = recorded - frame.dts
        by = skew - self._skews.setdefault(frame.kind, skew)
        if abs(by) > _PAUSE_MS_MIN:
            # Both tracks jump, one of them first.
            if not self.jumps or frame.dts - self.jumps[-1][0] > _PAUSE_MS_MIN:
                self.jumps.append((frame.dts, by))
            self._skews[frame.kind] = skew


def _read_recording(path: Path, contents: Contents) -> None:
    found: list[_Found] = []
    reader = _Reader(path)
    for output in reader:
        if isinstance(output, Section):
            found.append(_Found(output))
        else:
            found[-1].add(output)
            reader.note_jump(output)
    usable = [one for one in found if one.has_frames]
    reasons = {one.section.video.unsupported for one in found if one.section.video.unsupported}
    contents.unsupported += sorted(f"{path.name}: {reason}" for reason in reasons)
    if reader.broken:
        contents.broken.append(reader.broken)
    position = start = contents.milliseconds
    for one, following in zip_longest(usable, usable[1:]):
        milliseconds = one.length(following)
        contents.pieces.append(Piece(path, one.section, milliseconds, position, tuple(one.keyframes)))
        position += milliseconds
    if position > start:
        contents.parts += _parts(path, position - start, reader.jumps)


class _Found:
    """A section while it is read."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.has_frames = False
        self.keyframes: list[int] = []
        self._video_end = self._video_dts = self._audio_end = section.start
        samples, rate = section.audio.frame_samples, section.audio.sample_rate
        self._sound_ms = round(samples * 1000 / rate) if rate and samples else 20

    def add(self, frame: Frame) -> None:
        self.has_frames = True
        if frame.kind == "video":
            self._video_end = frame.dts + min(_PICTURE_MS_MAX, max(40, frame.dts - self._video_dts))
            self._video_dts = frame.dts
            if frame.is_key:
                self.keyframes.append(frame.dts - self.section.start)
        else:
            self._audio_end = frame.dts + self._sound_ms

    def length(self, following: "_Found | None") -> int:
        """Return the milliseconds until the next section, or until the last frame's end."""
        if following is not None and following.section.number == self.section.number + 1:
            end = following.section.start
        elif self.section.has_sound:
            end = max(self._audio_end, self._video_dts + 40)
        else:
            end = max(self._video_end, self._audio_end)
        return max(1, end - self.section.start)


def _parts(path: Path, length: int, jumps: list[tuple[int, int]]) -> list[dict[str, float]]:
    """Return when a recording's video, of this many ms, was broadcast, cut at the encoder's pauses.

    The media server writes each frame as it arrives, so the file was modified at its last frame. Where the
    encoder's clock jumped forward, nothing was sent meanwhile if the file was open for that much longer than
    it has video; otherwise only the clock was set.
    """
    modified_at = path.stat().st_mtime
    left = (modified_at - recordings.started_at(path)) * 1000 - length
    pauses: list[tuple[int, int]] = []
    for at, by in jumps:
        if 0 < at < length and _PAUSE_MS_MIN < by <= left + _FILE_TIMES_DIFFER_MS:
            pauses.append((at, by))
            left -= by
    parts: list[dict[str, float]] = []
    ends_at, end = modified_at, length
    for at, by in [*reversed(pauses), (0, 0)]:
        seconds = (end - at) / 1000
        parts.append({"startedAt": round(ends_at - seconds, 3), "seconds": seconds})
        ends_at -= seconds + by / 1000
        end = at
    return parts[::-1]
