"""Checks of DASH manifests against ISO/IEC 23009-1 and the points of DASH-IF, of one moment and over time."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

Fetch = Callable[[str], bytes | None]
_NAMESPACE = "{urn:mpeg:dash:schema:mpd:2011}"
_GAP_SECONDS = 0.05  # between segments of a period: less than a frame or two


class InvalidManifest(AssertionError):
    """A manifest breaks a rule."""


@dataclass(frozen=True)
class Piece:
    """A segment: its address, and its time in its track's timescale."""

    url: str
    start: int
    duration: int


@dataclass
class PeriodOf:
    start: float
    # Representation → its segments by number.
    pieces: dict[str, dict[int, Piece]] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)


@dataclass
class DashValidator:
    """Reads a manifest and all that it lists, as often as it is asked to."""

    fetch: Fetch
    url: str
    longest_hole: float = 0.25  # seconds between periods in which nothing is shown
    started: str = ""
    is_static: bool = False
    starts: dict[str, float] = field(default_factory=dict)
    fixed: dict[tuple[str, str], str] = field(default_factory=dict)
    known: dict[tuple[str, str, int], tuple[str, int]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def check(self) -> dict[str, PeriodOf]:
        """Check everything once; returns the periods by id. Raises InvalidManifest."""
        content = self.fetch(self.url)
        expect(content is not None, f"no manifest: {self.url}")
        assert content is not None
        mpd = ET.fromstring(content)  # noqa: S314 - our own
        expect(mpd.tag == f"{_NAMESPACE}MPD", f"no MPD: {mpd.tag}")
        expect("urn:mpeg:dash:profile:isoff-live:2011" in mpd.get("profiles", ""), "profile")
        self._check_kind(mpd)
        periods = {}
        end = 0.0
        for element in _all(mpd, "Period"):
            number = element.get("id")
            expect(number is not None and number not in periods, f"the id of a period: {number}")
            assert number is not None
            periods[number] = period = self._period(element, number)
            expect(self.starts.setdefault(number, period.start) == period.start, f"period {number} moved")
            expect(period.start >= end - 0.2, f"period {number} begins before the one before it ends")
            hole = period.start - end
            expect(
                len(periods) == 1 or hole < self.longest_hole, f"a hole of {hole} s before period {number}"
            )
            end = max(period.ends.values())
        expect(bool(periods), "no period")
        if self.is_static:
            length = _seconds(mpd.get("mediaPresentationDuration", ""))
            expect(abs(length - end) < 1, f"it lasts {length} s, its media end at {end} s")
        return periods

    def _check_kind(self, mpd: ET.Element) -> None:
        wanted = {"minBufferTime", "maxSegmentDuration"}
        kind = mpd.get("type")
        if kind == "dynamic":
            expect(not self.is_static, "dynamic again after it was static")
            wanted |= {"availabilityStartTime", "publishTime", "minimumUpdatePeriod", "timeShiftBufferDepth"}
            expect(len(_all(mpd, "UTCTiming")) == 1, "no UTCTiming")
            started = mpd.get("availabilityStartTime", "")
            self.started = self.started or started
            expect(self.started == started, "availabilityStartTime changed")
            expect(datetime.fromisoformat(started).tzinfo is not None, "availabilityStartTime has no zone")
        else:
            expect(kind == "static", f"type is {kind}")
            self.is_static = True
            wanted |= {"mediaPresentationDuration"}
            expect(mpd.get("minimumUpdatePeriod") is None, "a static manifest has no updates")
        expect(wanted <= set(mpd.keys()), f"missing: {wanted - set(mpd.keys())}")

    def _period(self, element: ET.Element, number: str) -> PeriodOf:
        period = PeriodOf(_seconds(element.get("start", "")))
        kinds = [one.get("contentType") for one in _all(element, "AdaptationSet")]
        expect(kinds == ["video", "audio"], f"tracks of period {number}: {kinds}")
        for adaptation in _all(element, "AdaptationSet"):
            expect(adaptation.get("segmentAlignment") == "true", "segmentAlignment")
            expect(adaptation.get("startWithSAP") == "1", "startWithSAP")
            representations = _all(adaptation, "Representation")
            expect(bool(representations), f"an empty adaptation set in period {number}")
            for representation in representations:
                self._representation(representation, adaptation.get("contentType") or "", number, period)
        ends = period.ends
        expect(max(ends.values()) - min(ends.values()) < 4.5, f"tracks of period {number} end apart: {ends}")
        return period

    def _representation(self, element: ET.Element, kind: str, number: str, period: PeriodOf) -> None:
        name = element.get("id", "")
        wanted = {"bandwidth", "codecs"} | (
            {"width", "height", "frameRate"} if kind == "video" else {"audioSamplingRate"}
        )
        expect(wanted <= set(element.keys()), f"missing in {name}: {wanted - set(element.keys())}")
        expect(int(element.get("bandwidth", "0")) > 0, f"bandwidth of {name}")
        (template,) = _all(element, "SegmentTemplate")
        timescale = int(template.get("timescale", "0"))
        offset = int(template.get("presentationTimeOffset", "0"))
        fixed = f"{timescale} {offset} {template.get('initialization')} {template.get('media')}"
        expect(
            self.fixed.setdefault((number, name), fixed) == fixed, f"{name} of period {number} became {fixed}"
        )
        self._check_bytes(self._address(template.get("initialization", ""), name))
        pieces: dict[int, Piece] = {}
        at, expected = int(template.get("startNumber", "1")), None
        (timeline,) = _all(template, "SegmentTimeline")
        for s in _all(timeline, "S"):
            start = int(s.get("t", expected if expected is not None else 0))
            if expected is not None:
                gap = (start - expected) / timescale
                expect(abs(gap) < _GAP_SECONDS, f"{gap} s between segments of {name} in period {number}")
            length = int(s.get("d", "0"))
            expect(length > 0, f"a segment of no length in {name}")
            for _ in range(int(s.get("r", "0")) + 1):
                url = self._address(template.get("media", ""), name, at)
                pieces[at] = Piece(url, start, length)
                self._check_bytes(url)
                known = self.known.setdefault((number, name, at), (url, start))
                expect(known == (url, start), f"{known} became {(url, start)}")
                at, start = at + 1, start + length
            expected = start
        expect(bool(pieces), f"no segments of {name} in period {number}")
        assert expected is not None
        first = min(pieces.values(), key=lambda piece: piece.start)
        expect(first.start >= offset - timescale // 2, f"{name} begins before period {number}")
        period.pieces[name] = pieces
        period.ends[name] = period.start + (expected - offset) / timescale

    def _address(self, template: str, representation: str, number: int = 0) -> str:
        path = template.replace("$RepresentationID$", representation).replace("$Number$", str(number))
        expect("$" not in path, f"a template that isn't understood: {template}")
        return urljoin(self.url, path)

    def _check_bytes(self, url: str) -> None:
        content = self.fetch(url)
        expect(content is not None, f"listed but not there: {url}")
        assert content
        digest = hashlib.sha256(content).hexdigest()
        expect(self.digests.setdefault(url, digest) == digest, f"other bytes under the same name: {url}")


def _all(element: ET.Element, name: str) -> list[ET.Element]:
    return element.findall(f"{_NAMESPACE}{name}")


def _seconds(text: str) -> float:
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", text)
    expect(found is not None, f"no duration: {text!r}")
    assert found is not None
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def expect(condition: bool, problem: str) -> None:
    if not condition:
        raise InvalidManifest(problem)
