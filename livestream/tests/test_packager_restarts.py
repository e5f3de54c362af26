"""What the seller is told while the packager is restarted, or goes on further back in a recording."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from livestream.media.health import Health, HealthWarning
from livestream.packager_reports import PackagerReports
from livestream.tests.flv_files import encode, moved
from livestream.tests.packaged import Packaged

pytestmark = pytest.mark.media


@pytest_asyncio.fixture
async def packaged(tmp_path: Path, settings: Any) -> AsyncIterator[Packaged]:
    settings.MEDIA_ROOT = tmp_path
    packaged = Packaged(tmp_path)
    yield packaged
    await packaged.stop()


@pytest.mark.parametrize("begins_at", [0, 86_400_000])
async def test_no_restart_of_the_packager_or_its_ffmpeg_is_taken_for_a_jump_of_the_clock(
    packaged: Packaged, begins_at: int
) -> None:
    tags = moved(encode(seconds=8), begins_at)
    warnings: set[HealthWarning] = set()

    def measure() -> Health:
        """Measure as the thread of the reports does."""
        [connection] = reports._connections.values()
        measured = connection.meter.measure(time.time())
        warnings.update(measured.warnings)
        return measured

    reports = PackagerReports()
    packaged.on_tag = reports.on_tag
    packaged.start()
    path = packaged.connect()
    quarter = len(tags) // 4
    packaged.record(path, tags[:quarter])
    await packaged.wait_for_segments(1)
    measure()

    await packaged.kill_ffmpeg("copypriorss")
    packaged.record(path, tags[quarter : 2 * quarter])
    await packaged.wait_for_segments(2)
    measure()

    for start in (2 * quarter, 3 * quarter):
        await packaged.stop()
        packaged.record(path, tags[start : start + quarter // 2])
        reports = PackagerReports()  # the new process knows nothing of the old one's
        packaged.on_tag = reports.on_tag
        packaged.start()
        before = len(packaged.names())
        await packaged.wait_for_segments(before + 1)
        measure()
        packaged.record(path, tags[start + quarter // 2 : start + quarter])
        await asyncio.sleep(0.3)
        measure()
    await packaged.end()

    measured = measure()
    assert measured.video is not None
    assert measured.audio is not None
    assert HealthWarning.CLOCK_JUMPED not in warnings
    assert HealthWarning.UNSUPPORTED_CODEC not in warnings
    assert measured.dropped_frames == 0
