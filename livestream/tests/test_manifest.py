"""The DASH manifest of lists of segments, as the window moves over them."""

from xml.etree import ElementTree as ET

import pytest

from livestream.media.packaging.broadcast import (
    SOUND,
    SOURCE,
    Broadcast,
    PackagedSection,
    Segment,
    Track,
)
from livestream.media.packaging.manifest import manifest

NAMESPACE = {"mpd": "urn:mpeg:dash:schema:mpd:2011"}
SMALLER = "480p"
RATE = 44100
TRACKS = {
    SOURCE: Track("avc1.64001f", 1000, width=1280, height=720, frame_rate=25.0),
    SMALLER: Track("avc1.64001e", 1000, width=854, height=480, frame_rate=25.0),
    SOUND: Track("mp4a.40.2", RATE, sample_rate=RATE, channels=2),
}
# Sound is cut between its frames of 1024 samples, so its segments are shorter or longer than a second.
SOUND_LENGTHS = {"shorter": 43 * 1024, "longer": 44 * 1024}
EACH = 8  # segments of a section


def broadcast_of(seconds: int, *, sound: str) -> Broadcast:
    """Return a broadcast of sections of eight seconds, with a keyframe every second."""
    broadcast = Broadcast(target_duration=2, smaller=(SMALLER,))
    for number in range(seconds):
        section, place = divmod(number, EACH)
        start = section * EACH
        broadcast.sections.setdefault(section, PackagedSection(section, 1_000.0 + start, start, TRACKS))
        length = SOUND_LENGTHS[sound]
        broadcast.add(Segment(SOURCE, section, number, number * 1000, 1000, 100_000))
        broadcast.add(Segment(SOUND, section, number, start * RATE + place * length, length, 16_000))
        broadcast.add(Segment(SMALLER, section, number, number * 1000, 1000, 50_000))
    return broadcast


@pytest.mark.parametrize("sound", SOUND_LENGTHS)
@pytest.mark.parametrize("window", [2.0, 5.0, 5.05, 11.0, 60.0])
def test_each_period_has_the_same_segments_of_picture_and_sound_wherever_the_window_begins(
    window: float, sound: str
) -> None:
    for seconds in range(1, 4 * EACH):
        broadcast = broadcast_of(seconds, sound=sound)
        mpd = ET.fromstring(  # noqa: S314 - our own
            manifest(broadcast, window=window, now=2_000.0, clock_url="https://media.example/time")
        )
        listed = []
        for period in mpd.findall("mpd:Period", NAMESPACE):
            numbers = {
                one.get("id", ""): numbers_of(one)
                for one in period.iterfind(".//mpd:Representation", NAMESPACE)
            }
            assert numbers.keys() == TRACKS.keys(), f"period {period.get('id')} after {seconds} s"
            assert numbers[SOURCE] == numbers[SMALLER] == numbers[SOUND], f"after {seconds} s"
            listed += numbers[SOURCE]
        assert listed == list(range(listed[0], seconds)), f"after {seconds} s"
        assert len(listed) == min(seconds, max(3, int(window)))


def numbers_of(representation: ET.Element) -> list[int]:
    """Return the numbers of the segments that a representation lists."""
    [template] = representation.findall("mpd:SegmentTemplate", NAMESPACE)
    first = int(template.get("startNumber", ""))
    count = sum(1 + int(one.get("r", "0")) for one in template.iterfind(".//mpd:S", NAMESPACE))
    return list(range(first, first + count))
