"""Each kind of encoder in the table: what is repaired of it, and what its seller is told."""

from pathlib import Path

import pytest
from django.conf import settings

from livestream.media.flv.repair import Frame, Repair, Section
from livestream.media.health import HealthMeter, HealthWarning
from livestream.tests.encoders import CASES, Encoder, Ends, as_recorded, as_table, shows
from livestream.tests.flv_files import assert_flawless, sections_of

pytestmark = pytest.mark.media

START = 1_700_000_000.0
CUT_AFTER = 20  # seconds without media, see `drop_idle_publisher`


def all_sections(case: Encoder) -> list[tuple[Section, list[Frame]]]:
    """Return what all connections become, one after another as the packager puts them."""
    found: list[tuple[Section, list[Frame]]] = []
    for connection in case.connections():
        start = max((frame.dts for _, frames in found for frame in frames), default=-1) + 1
        tags = as_recorded(message.tag for message in connection.messages)
        found += sections_of(tags, Repair(first_section=len(found), start=start))
    return found


def warnings_of(case: Encoder) -> set[HealthWarning]:
    """Return all that the seller is told while the encoder is connected, asked every second."""
    told: set[HealthWarning] = set()
    for connection in case.connections():
        meter, asked = HealthMeter(START), 0
        times = [message.at for message in connection.messages]
        tags = as_recorded(message.tag for message in connection.messages)
        arrivals = {id(message.tag.payload): message.at for message in connection.messages}
        for tag in tags:
            at = arrivals[id(tag.payload)]
            while asked < at:
                told |= set(meter.measure(START + asked).warnings)
                asked += 1
            meter.feed(tag, START + at)
        end = max(times, default=0) + (CUT_AFTER - 1 if connection.ends in (Ends.SILENT, Ends.GONE) else 0)
        while asked <= end:
            told |= set(meter.measure(START + asked).warnings)
            asked += 1
    return told


# Recordings don't tell of them; `test_encoders_live.py` asks the media server.
NOT_RECORDED = {"enhanced"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.key not in NOT_RECORDED], ids=lambda case: case.key
)
def test_viewers_and_the_seller_get_what_the_table_says(case: Encoder) -> None:
    sections = all_sections(case)
    assert tuple(shows(section) for section, _ in sections) == case.sections
    assert_flawless(sections, decode=False)
    times = [frame.dts for _, frames in sections for frame in frames]
    assert (max(times) / 1000 if times else 0) == pytest.approx(case.seconds, abs=0.2)
    assert warnings_of(case) == case.warnings


def test_the_table_in_the_docs_is_this_one() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "going-live.md").read_text()
    assert as_table() in page
