"""Checks of HLS playlists against RFC 8216, of one moment and over time."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urljoin

# Returns the bytes at an address; None where there is nothing.
Fetch = Callable[[str], bytes | None]
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')
_RATE_TOLERANCE = 1.1  # RFC 8216 4.3.4.2: the estimate for a live stream


class InvalidPlaylist(AssertionError):
    """A playlist breaks a rule."""


@dataclass(frozen=True)
class Entry:
    """A segment as a playlist lists it; `discontinuity` is its discontinuity sequence number."""

    url: str
    seconds: float
    starts_at: float
    init_url: str
    discontinuity: int


@dataclass
class Playlist:
    target_duration: int
    entries: dict[int, Entry]
    is_ended: bool
    is_event: bool


@dataclass
class HlsValidator:
    """Reads a master playlist and all that it lists, as often as it is asked to."""

    fetch: Fetch
    url: str
    longest_hole: float = 0.25  # seconds between sections in which nothing is shown
    history: dict[str, dict[int, Entry]] = field(default_factory=dict)
    latest: dict[str, Playlist] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    variants: dict[str, dict[str, str]] = field(default_factory=dict)

    def check(self) -> dict[str, Playlist]:
        """Check everything once; returns the media playlists by address. Raises InvalidPlaylist."""
        self._check_master(self._text(self.url))
        playlists = {}
        for url in self.variants:
            playlist = parse_media(self._text(url), url, self.longest_hole)
            self._check_over_time(url, playlist)
            for number, entry in playlist.entries.items():
                self._check_bytes(entry.init_url)
                size = self._check_bytes(entry.url)
                known = self.numbers.setdefault((url, entry.url), number)
                expect(known == number, f"{entry.url} is number {known}, then {number}")
                self.sizes[entry.url] = size
            self.latest[url] = playlists[url] = playlist
        self._check_alignment(playlists)
        return playlists

    def _check_master(self, text: str) -> None:
        lines = _lines(text, self.url)
        expect("#EXT-X-INDEPENDENT-SEGMENTS" in lines, "the master doesn't say INDEPENDENT-SEGMENTS")
        groups: dict[str, str] = {}
        self.variants = {}
        for index, line in enumerate(lines):
            if line.startswith("#EXT-X-MEDIA:"):
                attributes = _attributes(line)
                expect({"TYPE", "GROUP-ID", "NAME"} <= attributes.keys(), f"incomplete: {line}")
                groups[attributes["GROUP-ID"]] = urljoin(self.url, attributes["URI"])
                self.variants.setdefault(urljoin(self.url, attributes["URI"]), {})
            elif line.startswith("#EXT-X-STREAM-INF:"):
                attributes = _attributes(line)
                wanted = {"BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS"}
                if "avc1" in attributes.get("CODECS", ""):
                    wanted |= {"RESOLUTION", "FRAME-RATE"}
                expect(wanted <= attributes.keys(), f"{wanted - attributes.keys()} missing: {line}")
                expect(
                    0 < int(attributes["AVERAGE-BANDWIDTH"]) <= int(attributes["BANDWIDTH"]),
                    f"rates: {line}",
                )
                expect(attributes.get("AUDIO", "") in groups, f"no such group: {line}")
                expect(not lines[index + 1].startswith("#"), f"no address: {line}")
                self.variants[urljoin(self.url, lines[index + 1])] = attributes
        expect(
            any("RESOLUTION" in variant for variant in self.variants.values()), "no variant with a picture"
        )
        expect(any(v and "RESOLUTION" not in v for v in self.variants.values()), "no variant of sound alone")

    def _check_over_time(self, url: str, playlist: Playlist) -> None:
        before = self.latest.get(url)
        known = self.history.setdefault(url, {})
        first, last = min(playlist.entries), max(playlist.entries)
        if before is not None:
            expect(playlist.target_duration == before.target_duration, f"TARGETDURATION changed: {url}")
            expect(first >= min(before.entries), f"MEDIA-SEQUENCE went back: {url}")
            expect(last >= max(before.entries), f"the last segment was taken away: {url}")
            expect(first <= max(before.entries) + 1, f"segments were never listed: {url}")
            if before.is_ended:
                expect(playlist == before, f"changed after ENDLIST: {url}")
            if playlist.is_event:
                expect(first == min(before.entries), f"an EVENT playlist lost its start: {url}")
        for number, entry in playlist.entries.items():
            expect(known.setdefault(number, entry) == entry, f"{url}: {known[number]} became {entry}")

    def _check_bytes(self, url: str) -> int:
        """Check that a file exists and hasn't changed; returns its size."""
        content = self.fetch(url)
        expect(content is not None, f"listed but not there: {url}")
        assert content
        digest = hashlib.sha256(content).hexdigest()
        expect(self.digests.setdefault(url, digest) == digest, f"other bytes under the same name: {url}")
        return len(content)

    def _check_alignment(self, playlists: dict[str, Playlist]) -> None:
        """Check that all renditions have the same target duration, discontinuities and times."""
        expect(len({playlist.target_duration for playlist in playlists.values()}) == 1, "target durations")
        one = next(iter(playlists.values()))
        for url, other in playlists.items():
            for number in one.entries.keys() & other.entries.keys():
                mine, theirs = one.entries[number], other.entries[number]
                expect(mine.discontinuity == theirs.discontinuity, f"discontinuity of {number}: {url}")
                expect(abs(mine.starts_at - theirs.starts_at) < 0.6, f"times of {number}: {url}")
            if rate := int(self.variants[url].get("BANDWIDTH", 0)):
                name = url.rpartition("/")[2].removesuffix(".m3u8").removeprefix("dvr-")
                for entry in other.entries.values():
                    # Smaller renditions list the source's segments where they have none of their own.
                    is_own = entry.url.rpartition("/")[2].partition("-")[0] == name
                    if is_own and entry.seconds >= other.target_duration / 2:
                        bits = self.sizes[entry.url] * 8 / entry.seconds
                        expect(bits <= rate * _RATE_TOLERANCE, f"{entry.url}: {bits} bits/s of {rate}")

    def _text(self, url: str) -> str:
        content = self.fetch(url)
        expect(content is not None, f"no playlist: {url}")
        assert content is not None
        return content.decode()


def parse_media(text: str, url: str, longest_hole: float = 0.25) -> Playlist:
    """Read and check a media playlist; raises InvalidPlaylist."""
    lines = _lines(text, url)
    expect("#EXT-X-INDEPENDENT-SEGMENTS" in lines, f"no INDEPENDENT-SEGMENTS: {url}")
    target = int(_only(lines, "#EXT-X-TARGETDURATION:"))
    number = int(_only(lines, "#EXT-X-MEDIA-SEQUENCE:"))
    discontinuity = int(_only(lines, "#EXT-X-DISCONTINUITY-SEQUENCE:"))
    entries: dict[int, Entry] = {}
    init_url, seconds, starts_at = "", 0.0, 0.0
    previous: Entry | None = None
    for line in lines:
        if line.startswith("#EXT-X-MAP:"):
            init_url = urljoin(url, _attributes(line)["URI"])
        elif line == "#EXT-X-DISCONTINUITY":
            discontinuity += 1
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            starts_at = datetime.fromisoformat(line.partition(":")[2]).timestamp()
        elif line.startswith("#EXTINF:"):
            seconds = float(line.partition(":")[2].partition(",")[0])
        elif not line.startswith("#"):
            expect(bool(init_url), f"a segment before EXT-X-MAP: {url}")
            expect(seconds > 0, f"a segment without EXTINF: {url}")
            # RFC 8216 4.3.3.1: rounded to the nearest integer.
            expect(int(seconds + 0.5) <= target, f"{line} of {seconds} s, TARGETDURATION is {target}")
            expect(starts_at > 0, f"a segment without PROGRAM-DATE-TIME: {line}")
            entry = Entry(urljoin(url, line), seconds, starts_at, init_url, discontinuity)
            if previous is not None:
                ends_at = previous.starts_at + previous.seconds
                expect(entry.starts_at > ends_at - 0.15, f"{line} begins before the one before it ends")
                is_continued = entry.discontinuity == previous.discontinuity
                hole = entry.starts_at - ends_at
                expect(hole < (0.15 if is_continued else longest_hole), f"a hole of {hole} s before {line}")
            entries[number] = previous = entry
            number, seconds, starts_at = number + 1, 0.0, 0.0
    expect(bool(entries), f"no segments: {url}")
    expect(len({entry.url for entry in entries.values()}) == len(entries), f"a segment twice: {url}")
    return Playlist(target, entries, "#EXT-X-ENDLIST" in lines, "#EXT-X-PLAYLIST-TYPE:EVENT" in lines)


def _lines(text: str, url: str) -> list[str]:
    lines = [line for line in text.split("\n") if line]
    expect(lines[:1] == ["#EXTM3U"], f"no playlist: {url}")
    expect(int(_only(lines, "#EXT-X-VERSION:")) >= 6, f"EXT-X-MAP needs version 6: {url}")
    return lines


def _only(lines: list[str], tag: str) -> str:
    found = [line.removeprefix(tag) for line in lines if line.startswith(tag)]
    expect(len(found) == 1, f"{tag} is there {len(found)} times")
    return found[0]


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.partition(":")[2])}


def expect(condition: bool, problem: str) -> None:
    if not condition:
        raise InvalidPlaylist(problem)
