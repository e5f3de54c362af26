"""Broadcasts packaged from growing recordings, with real ffmpeg: what players see, and after each kill."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from django.db import OperationalError

from livestream import packager
from livestream.media.packaging import store, transcoding
from livestream.media.packaging.playlists import longest_segment
from livestream.media.packaging.renditions import Transcoders
from livestream.media.packaging.section import TranscoderTooSlow
from livestream.tests.flv_files import VIDEO, encode, flv_bytes, moved
from livestream.tests.packaged import PUBLIC_ID, Packaged, pictures, sounds

pytestmark = pytest.mark.media

Make = Callable[..., Packaged]


@pytest_asyncio.fixture
async def make(tmp_path: Path, settings: Any) -> AsyncIterator[Make]:
    """Return a function that makes a broadcast without recordings, whose packager runs."""
    settings.MEDIA_ROOT = tmp_path
    made: list[Packaged] = []

    def make_one(**options: Any) -> Packaged:
        packaged = Packaged(tmp_path, **options)
        packaged.start()
        made.append(packaged)
        return packaged

    yield make_one
    for packaged in made:
        await packaged.stop()


async def test_every_frame_is_in_a_segment_once_and_playlists_are_valid_throughout(make: Make) -> None:
    packaged, tags = make(), encode(seconds=6)
    path = packaged.connect()
    size = len(tags) // 12
    for start in range(0, len(tags), size):
        packaged.record(path, tags[start : start + size])
        await asyncio.sleep(0.1)
        if packaged.names():
            packaged.check()
    await packaged.end()

    assert [sample.data for sample in packaged.samples()] == pictures(tags)
    assert [sample.data for sample in packaged.samples("audio")] == sounds(tags)
    assert packaged.names() == [f"video-0-{number}.m4s" for number in range(6)]
    assert packaged.first_segments == 1
    assert packaged.tags == len(tags)
    assert all(packaged.fetch(name) for name in ("still.jpg",))


async def test_an_encoder_that_reconnects_begins_another_section(make: Make) -> None:
    packaged, tags = make(), encode(seconds=3)
    packaged.record(packaged.connect(), tags)
    await packaged.wait_for_segments(2)
    packaged.check()
    packaged.record(packaged.connect(), tags)
    await packaged.wait_for_segments(5)
    packaged.check()
    await packaged.end()

    assert [sample.data for sample in packaged.samples()] == pictures(tags) * 2
    assert packaged.text("video.m3u8").count("#EXT-X-DISCONTINUITY\n") == 1
    assert packaged.text("manifest.mpd").count("<Period ") == 2
    assert packaged.first_segments == 2


async def test_a_format_that_changes_begins_another_section(make: Make) -> None:
    packaged = make()
    landscape, portrait = encode(seconds=2), encode(seconds=2, size="90x160")
    packaged.record(packaged.connect(), [*landscape, *moved(portrait, 2000)])
    await packaged.wait_for_segments(3)
    packaged.check()
    await packaged.end()

    assert [sample.data for sample in packaged.samples()] == pictures([*landscape, *portrait])
    assert packaged.names()[-1].startswith("video-1-")
    assert "RESOLUTION=90x160" in packaged.text("index.m3u8")


@pytest.mark.parametrize("times", [1, 3])
async def test_nothing_is_lost_when_the_copying_ffmpeg_is_killed(make: Make, times: int) -> None:
    packaged, tags = make(), encode(seconds=8)
    path = packaged.connect()
    size = len(tags) // (times + 1) + 1
    for index in range(times + 1):
        packaged.record(path, tags[index * size : (index + 1) * size])
        if index < times:
            await packaged.wait_for_segments(index * 8 // (times + 1) + 1)
            packaged.check()
            await packaged.kill_ffmpeg("copy")
    await packaged.end()

    assert [sample.data for sample in packaged.samples()] == pictures(tags)
    assert [sample.data for sample in packaged.samples("audio")] == sounds(tags)
    assert packaged.text("manifest.mpd").count("<Period ") == times + 1


async def test_another_packager_goes_on_after_the_last_segment(make: Make) -> None:
    packaged, tags = make(), encode(seconds=6)
    path = packaged.connect()
    half = len(tags) // 2
    packaged.record(path, tags[:half])
    await packaged.wait_for_segments(2)
    packaged.check()
    await packaged.stop()
    # As if it had been killed while it wrote: half a line, and a file that has no name yet.
    with (packaged.path / store.JOURNAL).open("a") as journal:
        journal.write('{"kind": "source", "segm')
    (packaged.path / "video-0-3.m4s.unfinished").write_bytes(b"half")
    packaged.record(path, tags[half:])
    packaged.start()
    await packaged.wait_for_segments(5)
    packaged.check()
    await packaged.end()

    assert [sample.data for sample in packaged.samples()] == pictures(tags)
    assert [sample.data for sample in packaged.samples("audio")] == sounds(tags)
    for line in (packaged.path / store.JOURNAL).read_text().splitlines():
        json.loads(line)


async def test_a_packager_finds_the_recordings_that_were_made_while_none_ran(make: Make) -> None:
    packaged, tags = make(), encode(seconds=3)
    packaged.record(packaged.connect(), tags)
    await packaged.wait_for_segments(2)
    await packaged.stop()
    packaged.record(packaged.connect(), tags)
    packaged.record(packaged.connect(), tags)
    packaged.start()
    await packaged.wait_for_segments(8)
    await packaged.end()
    assert [sample.data for sample in packaged.samples()] == pictures(tags) * 3


async def test_an_ended_broadcast_stays_as_it_is(make: Make) -> None:
    packaged = make()
    packaged.record(packaged.connect(), encode(seconds=3))
    await packaged.wait_for_segments(2)
    await packaged.end()
    before = packaged.text("video.m3u8"), packaged.text("dvr-video.m3u8")
    packaged.start()
    await packaged.end()
    assert (packaged.text("video.m3u8"), packaged.text("dvr-video.m3u8")) == before


async def test_a_full_disk_loses_nothing_once_there_is_room(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged, tags = make(), encode(seconds=6)
    path = packaged.connect()
    packaged.record(path, tags[: len(tags) // 2])
    await packaged.wait_for_segments(2)
    failures = 0

    def full(*arguments: object) -> None:
        nonlocal failures
        failures += 1
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.BroadcastFolder, "_write", full)
        packaged.record(path, tags[len(tags) // 2 :])
        await packaged.wait(lambda: failures >= 2)
    await packaged.wait_for_segments(5)
    await packaged.end()
    assert [sample.data for sample in packaged.samples()] == pictures(tags)


async def test_segments_begin_at_keyframes_and_short_distances_are_joined(make: Make) -> None:
    packaged = make()
    tags = encode(seconds=4, video=(*VIDEO, "-g", "5", "-keyint_min", "5"))
    packaged.record(packaged.connect(), tags)
    await packaged.wait_for_segments(4)
    await packaged.end()
    assert len(packaged.names()) == 7
    assert [sample.data for sample in packaged.samples()] == pictures(tags)


@pytest.mark.parametrize("distances", [(1, 6), (4, 4), (3, 1, 6)])
async def test_the_target_duration_stays_whatever_the_distance_of_keyframes(
    make: Make, distances: tuple[int, ...]
) -> None:
    packaged = make()
    parts, at = [], 0
    for distance in distances:
        parts += moved(encode(seconds=distance, video=(*VIDEO, "-g", "500")), at)
        at += distance * 1000
    headers = {tag.payload for tag in parts[:4] if tag.kind != "script" and tag.payload[1] == 0}
    tags = [tag for index, tag in enumerate(parts) if index < 4 or tag.payload not in headers]
    path = packaged.connect()
    for start in range(0, len(tags), 30):
        packaged.record(path, tags[start : start + 30])
        await asyncio.sleep(0.03)
        if packaged.names():
            packaged.check()
    await packaged.end()

    target = packaged.hls.latest["http://host/live/video.m3u8"].target_duration
    assert target == max(2, distances[0])
    longest = max(
        entry.seconds for entry in packaged.from_start.history["http://host/live/dvr-video.m3u8"].values()
    )
    assert longest * 1000 <= longest_segment(target)
    assert [sample.data for sample in packaged.samples()] == pictures(tags)


async def test_sound_alone_has_a_black_picture_and_pictures_alone_have_silence(make: Make) -> None:
    for encoded in (encode(seconds=5, video=()), encode(seconds=5, audio=())):
        packaged = make()
        packaged.record(packaged.connect(), encoded)
        await packaged.wait_for_segments(2)
        await packaged.end()
        assert packaged.samples()
        assert packaged.samples("audio")
        await packaged.stop()
        for path in (*packaged.recordings.iterdir(), *packaged.path.iterdir()):
            path.unlink()


async def test_other_sound_becomes_aac(make: Make) -> None:
    packaged = make()
    packaged.record(packaged.connect(), encode(seconds=4, audio=("-c:a", "libmp3lame", "-b:a", "64k")))
    await packaged.wait_for_segments(3)
    packaged.check()
    await packaged.end()
    assert 'CODECS="mp4a.40.2"' in packaged.text("index.m3u8")
    seconds = sum(sample.duration for sample in packaged.samples("audio")) / 44100
    assert seconds == pytest.approx(4, abs=0.2)


async def test_smaller_renditions_have_the_same_segments(make: Make) -> None:
    packaged, tags = (
        make(transcoders=1),
        encode(seconds=4, size="1280x720", video=(*VIDEO, "-g", "25", "-bf", "2")),
    )
    path = packaged.connect()
    for start in range(0, len(tags), 40):
        packaged.record(path, tags[start : start + 40])
        await asyncio.sleep(0.15)
        if packaged.names() and (packaged.path / "index.m3u8").exists():
            packaged.check()
    await packaged.wait_for_segments(3, "360p")
    await packaged.end()

    assert packaged.names("480p") == [f"480p-0-{number}.m4s" for number in range(4)]
    assert packaged.names("360p") == [f"360p-0-{number}.m4s" for number in range(4)]
    master = packaged.text("index.m3u8")
    assert [size in master for size in ("RESOLUTION=854x480", "RESOLUTION=640x360")] == [True, True]
    assert len(packaged.samples("360p")) == len(packaged.samples()) == 100
    source = packaged.from_start.history["http://host/live/dvr-video.m3u8"]
    small = packaged.from_start.history["http://host/live/dvr-360p.m3u8"]
    for number, entry in source.items():
        assert small[number].starts_at == pytest.approx(entry.starts_at, abs=0.05)
        assert small[number].seconds == pytest.approx(entry.seconds, abs=0.1)
    assert packaged.transcoders.free == 1


async def test_smaller_renditions_begin_again_and_end_after_three_deaths(make: Make) -> None:
    packaged, tags = make(transcoders=1), encode(seconds=8, size="640x480")
    path = packaged.connect()
    quarter = len(tags) // 4
    packaged.record(path, tags[:quarter])
    for death in range(3):
        await packaged.wait_for_segments(death + 1, "360p")
        packaged.check()
        await packaged.kill_ffmpeg("libx264")
        packaged.record(path, tags[quarter * (death + 1) : quarter * (death + 2)])
    packaged.record(path, tags[quarter * 4 :])
    await packaged.wait_for_segments(7, "360p")
    packaged.check()
    await packaged.end()

    assert [sample.data for sample in packaged.samples()] == pictures(tags)
    assert packaged.names("360p")[0].startswith("360p-0-")
    assert packaged.names("360p")[-1] == packaged.names()[-1]
    assert len(packaged.names("360p")) == len(packaged.names())
    assert packaged.transcoders.dropped == 1


async def test_smaller_renditions_that_are_too_slow_are_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livestream.media.packaging.section._TOO_SLOW_MS", -1)
    monkeypatch.setattr("livestream.media.packaging.section._TOO_SLOW_SECONDS", 0.2)
    packaged, tags = make(transcoders=1), encode(seconds=6, size="640x480")
    path = packaged.connect()
    for start in range(0, len(tags), 20):
        packaged.record(path, tags[start : start + 20])
        await asyncio.sleep(0.05)
    await packaged.wait_for_segments(5)
    await packaged.end()
    assert [sample.data for sample in packaged.samples()] == pictures(tags)
    assert packaged.transcoders.dropped == 1


async def test_smaller_renditions_that_were_given_up_come_back_in_a_later_section(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcoding, "_DEATHS", 1)
    packaged, tags = make(transcoders=1), encode(seconds=3, size="640x480")
    path = packaged.connect()
    packaged.record(path, tags)
    await packaged.wait(lambda: "360p-0-0.m4s" in packaged.names("360p"))
    await packaged.kill_ffmpeg("libx264")
    await packaged.wait(lambda: packaged.transcoders.dropped == 1)
    assert packaged.transcoders.free == 1
    packaged.record(packaged.connect(), tags)
    await packaged.wait_for_segments(4)
    assert packaged.transcoders.free == 1, "it is too early"

    monkeypatch.setattr(transcoding, "_GIVEN_UP_SECONDS", 0.0)
    packaged.record(packaged.connect(), tags)
    await packaged.wait(lambda: packaged.names("360p")[-1].startswith("360p-"))
    packaged.check()
    await packaged.end()
    made = {name.split("-")[1] for name in packaged.names("360p") if name.startswith("360p-")}
    assert len(made) == 2, "the first section, and the last one"
    assert packaged.transcoders.free == 1


def test_smaller_renditions_that_are_given_up_five_times_do_not_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(transcoding, "time", SimpleNamespace(monotonic=lambda: now))
    transcoders = Transcoders(1)
    one = transcoding.Transcoding("stream_1", transcoders)
    for _ in range(5):
        assert one.take_place()
        one.note_failure(TranscoderTooSlow())
        now += 59
        assert not one.take_place()
        now += 2
    now += 3600
    assert not one.take_place()
    assert (transcoders.free, transcoders.dropped) == (1, 5)


async def test_broadcasts_without_a_free_transcoder_have_the_source_alone(make: Make) -> None:
    packaged = make(transcoders=0)
    packaged.record(packaged.connect(), encode(seconds=3, size="640x480"))
    await packaged.wait_for_segments(2)
    await packaged.end()
    assert "480p" not in packaged.text("index.m3u8")


async def test_what_browsers_cannot_play_makes_no_segments(make: Make) -> None:
    packaged = make()
    tags = encode(seconds=2)
    hevc = [
        tag._replace(payload=bytes([tag.payload[0] & 0xF0 | 12]) + tag.payload[1:])
        if tag.kind == "video"
        else tag
        for tag in tags
    ]
    packaged.record(packaged.connect(), hevc)
    await packaged.wait(lambda: packaged.tags == len(hevc))
    assert packaged.packager is not None
    packaged.packager.end()
    assert packaged.task is not None
    await asyncio.wait_for(packaged.task, 20)
    assert packaged.names() == []


async def test_a_broken_recording_is_packaged_up_to_the_broken_place(make: Make) -> None:
    packaged, tags = make(), encode(seconds=3)
    path = packaged.connect()
    packaged.record(path, tags)
    with path.open("ab") as recording:
        recording.write(b"\xff" * 100)
    packaged.record(packaged.connect(), tags)
    await packaged.wait_for_segments(5)
    await packaged.end()
    assert [sample.data for sample in packaged.samples()] == pictures(tags) * 2


async def test_the_last_picture_stands_in_for_an_encoder_that_is_lost(make: Make) -> None:
    packaged, tags = make(longest_interruption=60), encode(seconds=3)
    began = time.time()
    await packaged.record_live(packaged.connect(), tags)
    for _ in range(40):
        await asyncio.sleep(0.1)
        packaged.check()
    standing = len(packaged.names())
    assert standing >= 5, "segments go on without an encoder"
    await packaged.record_live(packaged.connect(), tags)
    await packaged.end()

    shown = [sample.data for sample in packaged.samples()]
    sent = pictures(tags)
    assert shown[: len(sent)] == sent
    assert shown[-len(sent) :] == sent
    assert packaged.text("manifest.mpd").count("<Period ") == 2
    entries = packaged.from_start.history["http://host/live/dvr-video.m3u8"].values()
    seconds = sum(entry.seconds for entry in entries)
    assert seconds == pytest.approx(time.time() - began, abs=3), "as long as it took"
    assert packaged.first_segments == 2


async def test_an_encoder_that_pauses_goes_on_at_its_next_keyframe(make: Make) -> None:
    packaged, tags = make(longest_interruption=60), encode(seconds=6)
    path = packaged.connect()
    before = [tag for tag in tags if tag.timestamp < 2500]
    await packaged.record_live(path, before)
    for _ in range(35):
        await asyncio.sleep(0.1)
        packaged.check()
    # The encoder goes on where it was, with pictures until the next keyframe that nobody can decode.
    await packaged.record_live(path, tags[len(before) :])
    await packaged.end()

    shown, sent = [sample.data for sample in packaged.samples()], pictures(tags)
    assert shown[:62] == sent[:62]
    assert shown[-75:] == sent[-75:]
    assert packaged.text("manifest.mpd").count("<Period ") == 2


async def test_what_had_to_wait_for_the_network_is_not_shown_later(make: Make) -> None:
    packaged, tags = make(longest_interruption=60), encode(seconds=8)
    path = packaged.connect()
    began = time.time()
    before = [tag for tag in tags if tag.timestamp < 2000]
    await packaged.record_live(path, before)
    for _ in range(40):
        await asyncio.sleep(0.1)
        packaged.check()
    late = [tag for tag in tags[len(before) :] if tag.timestamp < 6000]
    packaged.record(path, late)
    await packaged.record_live(path, [tag for tag in tags if tag.timestamp >= 6000])
    await packaged.end()

    entries = packaged.from_start.history["http://host/live/dvr-video.m3u8"].values()
    assert sum(entry.seconds for entry in entries) <= time.time() - began + 1
    assert [sample.data for sample in packaged.samples()][-25:] == pictures(tags)[-25:]


async def test_another_packager_goes_on_after_an_interruption(make: Make) -> None:
    packaged, tags = make(longest_interruption=60), encode(seconds=3)
    await packaged.record_live(packaged.connect(), tags)
    await packaged.wait_for_segments(5)
    await packaged.stop()
    packaged.start()
    packaged.hls.longest_hole = packaged.dash.longest_hole = packaged.from_start.longest_hole = 15
    await packaged.record_live(packaged.connect(), tags)
    await packaged.end()
    shown, sent = [sample.data for sample in packaged.samples()], pictures(tags)
    assert shown[: len(sent)] == sent
    assert shown[-len(sent) :] == sent


async def test_nothing_stands_in_for_longer_than_a_stream_waits_for_its_encoder(make: Make) -> None:
    packaged, tags = make(longest_interruption=3), encode(seconds=2)
    await packaged.record_live(packaged.connect(), tags)
    await packaged.wait_for_segments(3)
    await asyncio.sleep(3)
    count = len(packaged.names())
    await asyncio.sleep(1.5)
    assert len(packaged.names()) == count
    await packaged.end()


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> dict[str, bool]:
    """Return what the packager is told of streams that ended, instead of asking PostgreSQL."""
    settings.MEDIA_ROOT = tmp_path
    told: dict[str, bool] = {}
    monkeypatch.setattr(packager, "closed_broadcasts", lambda asked: {i: told[i] for i in asked if i in told})
    return told


async def wait_for(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(0.05)


async def test_the_process_packages_each_stream_and_removes_what_ended(
    statuses: dict[str, bool], tmp_path: Path, settings: Any
) -> None:
    settings.BROADCAST_KEPT_AFTER_END = timedelta(seconds=2)
    recordings, live = tmp_path / "recordings", tmp_path / "live"
    recordings.mkdir()
    good, bad, withdrawn = "stream_1", "stream_2", "stream_3"
    content = flv_bytes(encode(seconds=3))
    process = asyncio.create_task(packager.Packager().run())
    for public_id in (good, withdrawn):
        (recordings / f"{public_id}-{int(time.time())}.flv").write_bytes(content)
    (recordings / f"{bad}-{int(time.time())}.flv").write_bytes(b"no video at all")
    old = recordings / f"stream_4-{int(time.time()) - 900}.flv"
    old.write_bytes(content)
    os.utime(old, (time.time() - 900,) * 2)
    await wait_for(lambda: all((live / public_id / "index.m3u8").exists() for public_id in (good, withdrawn)))
    statuses |= {good: False, withdrawn: True}
    await wait_for(lambda: not (live / withdrawn).exists())
    await wait_for(lambda: "#EXT-X-ENDLIST" in (live / good / "video.m3u8").read_text())
    await wait_for(lambda: not (live / good).exists())
    await asyncio.sleep(1.5)
    assert not (live / good).exists(), "its recording is still there, and isn't packaged again"
    assert not (live / "stream_4").exists()
    assert json.loads((live / packager.STATUS).read_text())["broadcasts"] == [bad]
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)


async def test_broadcasts_go_on_while_postgresql_is_away(
    statuses: dict[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(asked: object) -> dict[str, bool]:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(packager, "closed_broadcasts", away)
    monkeypatch.setattr("livestream.packager.connections.close_all", lambda: None)
    (tmp_path / "recordings").mkdir()
    process = asyncio.create_task(packager.Packager().run())
    path = tmp_path / "recordings" / f"{PUBLIC_ID}-{int(time.time())}.flv"
    path.write_bytes(flv_bytes(encode(seconds=3)))
    await wait_for((tmp_path / "live" / PUBLIC_ID / "index.m3u8").exists)
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)


async def test_the_manifest_stays_valid_while_a_section_leaves_the_window(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_WINDOW_SECONDS", 3.03)
    packaged, tags = make(), encode(seconds=4)
    packaged.record(packaged.connect(), tags)
    await packaged.wait_for_segments(3)
    path = packaged.connect()
    for start in range(0, len(tags), 20):
        packaged.record(path, tags[start : start + 20])
        await asyncio.sleep(0.1)
        packaged.dash.check()
    await packaged.end()
