"""A broadcast's folder: segments, playlists and the journal from which a restarted packager goes on."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livestream.media.packaging import fragments, playlists
from livestream.media.packaging.broadcast import (
    SOUND,
    SOURCE,
    Broadcast,
    PackagedSection,
    Segment,
    Track,
    init_name,
)
from livestream.media.packaging.fragments import Init, Sample
from livestream.media.packaging.manifest import manifest

JOURNAL = "journal.jsonl"
STILL = "still.jpg"
_WINDOW_SECONDS = 60.0
_FROM_START = "dvr-"
# A playlist from the start with more bytes than this is written less often, in proportion.
_LARGE_PLAYLIST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: the offset in a recording, and the time on the broadcast's timeline in ms."""

    recording: str
    offset: int
    time: int


@dataclass(frozen=True, slots=True)
class NewSegment:
    """What becomes a segment, and how it is decoded."""

    track: Track
    init: Init
    samples: list[Sample]

    @property
    def start(self) -> int:
        """When its first picture is shown, in the track's timescale."""
        return min(sample.presentation for sample in self.samples)


class BroadcastFolder:
    """The files of one broadcast. Each is complete when it gets its name, and no name gets other bytes."""

    def __init__(self, path: Path, *, clock_url: str) -> None:
        """Read the journal, if there is one; raises OSError."""
        self.path = path
        self.broadcast = Broadcast(target_duration=0)
        self.position: Position | None = None
        self.next_section = 0
        self._clock_url = clock_url
        self._master = ""
        self.expected: set[str] = set()  # smaller renditions that are being made
        self._from_start: dict[str, str] = {}
        self._listed: dict[str, int] = {}
        self._written_bytes: dict[str, int] = {}
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        known: dict[int, PackagedSection] = {}
        complete = 0
        for line in self._journal_lines():
            self._replay(json.loads(line), known)
            complete += len(line)
        # What a killed packager had written of its last line would garble the next one.
        with (path / JOURNAL).open("ab") as journal:
            journal.truncate(complete)
        self._known = known
        if self.broadcast.segments:
            self.publish()

    @property
    def next_number(self) -> int:
        return len(self.broadcast.segments.get(SOURCE, []))

    @property
    def can_be_watched(self) -> bool:
        return bool(self._master)

    @property
    def newest(self) -> Segment | None:
        return next(iter(self.broadcast.segments.get(SOURCE, [])[-1:]), None)

    def begin_section(self, *, started_at: float) -> int:
        """Return the number of a new section, which gets its tracks with its first segment."""
        number = self.next_section
        self.next_section += 1
        self._known[number] = PackagedSection(number, started_at, 0.0, {})
        return number

    def add_source(self, section: int, *, picture: NewSegment, sound: NewSegment, position: Position) -> None:
        """Store the next segment of the source, and publish it; raises OSError."""
        number = self.next_number
        if not self._known[section].tracks:
            start = picture.start / picture.track.timescale
            tracks = {SOURCE: picture.track, SOUND: sound.track}
            started_at = self._known[section].started_at
            self._known[section] = PackagedSection(section, started_at, start, tracks)
            self._write_journal(
                {
                    "kind": "section",
                    "target": self.broadcast.target_duration,
                    **asdict(self._known[section]),
                }
            )
            self._write(init_name(SOURCE, section), picture.init.data)
            self._write(init_name(SOUND, section), sound.init.data)
        stored = [
            self._store(SOURCE, section, number, picture),
            self._store(SOUND, section, number, sound),
        ]
        self._write_journal(
            {"kind": "source", "segments": [asdict(one) for one in stored], "position": asdict(position)}
        )
        self._add_source(stored, position)
        self.publish(SOURCE, SOUND)

    def add_smaller(self, rendition: str, section: int, number: int, new: NewSegment) -> None:
        """Store and publish the next segment of a smaller rendition, whose number is one of the source."""
        known = self._known[section]
        if rendition not in known.tracks:
            self._write_journal(
                {"kind": "track", "section": section, "rendition": rendition, **asdict(new.track)}
            )
            self._add_track(section, rendition, new.track)
            self._write(init_name(rendition, section), new.init.data)
        segment = self._store(rendition, section, number, new)
        self._write_journal({"kind": "smaller", "segment": asdict(segment)})
        self._add_smaller(segment)
        self.publish(rendition)

    def fill_smaller(self) -> None:
        """List the source's segments in the smaller renditions, as far as they have none of their own."""
        for rendition in self.broadcast.smaller:
            self._fill(rendition, self.next_number)
        if self.broadcast.smaller and self.broadcast.segments:
            self.publish(*self.broadcast.smaller)

    def end(self) -> None:
        """Mark the broadcast as ended."""
        if self.broadcast.is_ended:
            return
        self._write_journal({"kind": "end"})
        self.broadcast.is_ended = True
        if self.broadcast.segments:
            for rendition in self.broadcast.smaller:
                self._fill(rendition, self.next_number)
            self.publish()

    @property
    def changed_at(self) -> float:
        """The Unix time of the last entry in the journal."""
        return (self.path / JOURNAL).stat().st_mtime

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write_still(self, picture: bytes) -> None:
        self._write(STILL, picture)

    def publish(self, *changed: str) -> None:
        """Rewrite the playlists of the renditions that changed, or of all, and the manifest."""
        broadcast = self.broadcast
        for rendition in changed or broadcast.renditions:
            window = broadcast.window(rendition, _WINDOW_SECONDS)
            if not window:
                continue
            self._write(f"{rendition}.m3u8", playlists.media(broadcast, window).encode())
            self._publish_from_start(rendition)
        master = playlists.master(broadcast)
        # Players read it once, so it waits a moment for the first segments of smaller renditions.
        is_complete = self.expected <= set(broadcast.smaller) or self.next_number > 1
        if master != self._master and is_complete:
            self._write("index.m3u8", master.encode())
            self._write("dvr.m3u8", playlists.master(broadcast, prefix=_FROM_START).encode())
            self._master = master
        mpd = manifest(broadcast, window=_WINDOW_SECONDS, now=time.time(), clock_url=self._clock_url)
        self._write("manifest.mpd", mpd.encode())

    def _publish_from_start(self, rendition: str) -> None:
        broadcast = self.broadcast
        listed, segments = self._listed.get(rendition, 0), broadcast.segments[rendition]
        text = self._from_start.get(rendition) or playlists.from_start_header(broadcast)
        if new := segments[listed:]:
            previous = segments[listed - 1] if listed else None
            text += "\n".join([*playlists.entries(broadcast, new, previous), ""])
            self._listed[rendition], self._from_start[rendition] = len(segments), text
        if broadcast.is_ended:
            text += "#EXT-X-ENDLIST\n"
        every = 1 + len(text) // _LARGE_PLAYLIST_BYTES
        if broadcast.is_ended or len(segments) % every == 0 or rendition not in self._written_bytes:
            self._written_bytes[rendition] = len(text)
            self._write(f"{_FROM_START}{rendition}.m3u8", text.encode())

    def _store(self, rendition: str, section: int, number: int, new: NewSegment) -> Segment:
        content = fragments.join(new.samples, sequence=number)
        duration = sum(sample.duration for sample in new.samples)
        segment = Segment(rendition, section, number, new.start, duration, len(content))
        self._write(segment.name, content)
        return segment

    def _write(self, name: str, content: bytes) -> None:
        unfinished = self.path / f"{name}.unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(self.path / name)

    # The journal

    def _write_journal(self, entry: dict[str, Any]) -> None:
        with (self.path / JOURNAL).open("ab") as journal:
            journal.write(json.dumps(entry).encode() + b"\n")

    def _journal_lines(self) -> Iterator[bytes]:
        try:
            content = (self.path / JOURNAL).read_bytes()
        except FileNotFoundError:
            return
        for line in content.splitlines(keepends=True):
            if line.endswith(b"\n"):
                yield line

    def _replay(self, entry: dict[str, Any], known: dict[int, PackagedSection]) -> None:
        self._known = known
        match entry.pop("kind"):
            case "section":
                self.broadcast.target_duration = entry.pop("target")
                entry["tracks"] = {name: Track(**track) for name, track in entry["tracks"].items()}
                known[entry["number"]] = PackagedSection(**entry)
                self.next_section = entry["number"] + 1
            case "track":
                section, rendition = entry.pop("section"), entry.pop("rendition")
                self._add_track(section, rendition, Track(**entry))
            case "source":
                self._add_source([Segment(**one) for one in entry["segments"]], Position(**entry["position"]))
            case "smaller":
                self._add_smaller(Segment(**entry["segment"]))
            case "end":
                self.broadcast.is_ended = True

    def _add_track(self, section: int, rendition: str, track: Track) -> None:
        self._known[section] = self._known[section].with_track(rendition, track)
        if section in self.broadcast.sections:
            self.broadcast.sections[section] = self._known[section]

    def _add_source(self, segments: list[Segment], position: Position) -> None:
        # A section without segments is none for players.
        number = segments[0].section
        self.broadcast.sections.setdefault(number, self._known[number])
        for segment in segments:
            self.broadcast.add(segment)
        self.position = position

    def _add_smaller(self, segment: Segment) -> None:
        if segment.rendition not in self.broadcast.smaller:
            self.broadcast.smaller = tuple(
                sorted({*self.broadcast.smaller, segment.rendition}, key=lambda name: -int(name[:-1]))
            )
        self._fill(segment.rendition, segment.number)
        self.broadcast.add(segment)

    def _fill(self, rendition: str, until: int) -> None:
        own = self.broadcast.segments.setdefault(rendition, [])
        for segment in self.broadcast.segments[SOURCE][len(own) : until]:
            self.broadcast.add(segment, rendition=rendition)
