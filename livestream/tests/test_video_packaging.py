"""The packager as a process between a real media server and players, through kills of everything."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts.models import User
from accounts.tests.factories import make_seller, make_staff
from livestream.media import recordings
from livestream.media.addresses import MediaAddresses
from livestream.media.flv.tags import GrowingRecording
from livestream.media.packaging.fragments import FragmentReader, Sample
from livestream.models import Stream
from livestream.selectors.packaging import closed_broadcasts
from livestream.services import streams
from livestream.tests.dash_validator import DashValidator
from livestream.tests.factories import make_live_stream, make_stream
from livestream.tests.hls_validator import HlsValidator
from livestream.tests.media import MediaServerProcess, probe, publish
from livestream.tests.packaged import pictures
from soukloop.realtime.testing.waiting import wait_until

Encoder = Callable[..., Any]


@pytest.fixture
def seller(transactional_db: None) -> User:
    return make_seller()


@pytest.fixture
def encoder(media: MediaServerProcess) -> Iterator[Encoder]:
    """Return `start(key)`, which starts an encoder that is killed after the test."""
    started = []

    def start(key: str) -> Any:
        started.append(publish(f"rtmp://127.0.0.1:{media.rtmp_port}/live", key, 60))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


class Viewer:
    """Fetches what the media server serves, and checks it."""

    def __init__(self, media: MediaServerProcess, stream: Stream) -> None:
        self.folder = media.root / "live" / stream.public_id
        addresses = MediaAddresses(stream.public_id, viewer_id=None)
        self.hls_url, self.dash_url = addresses.hls, addresses.dash
        self._media, self._public_id = media, stream.public_id
        self.hls = HlsValidator(self.fetch, self.hls_url)
        self.dash = DashValidator(self.fetch, self.dash_url)

    def fetch(self, url: str) -> bytes | None:
        return self._media.get_video(self._public_id, f"live/{self._public_id}/{url.rpartition('/')[2]}")

    def names(self) -> list[str]:
        playlist = self.fetch("dvr-video.m3u8")
        lines = playlist.decode().splitlines() if playlist else []
        return [line for line in lines if line and not line.startswith("#")]

    def wait_for_segments(self, count: int) -> None:
        """Wait for more segments, and check all that viewers see meanwhile."""

        def are_there() -> bool:
            if self.fetch(self.hls_url):
                self.hls.check()
                self.dash.check()
            return len(self.names()) >= count

        wait_until(are_there, f"segment {count}", 40)

    def pictures(self) -> list[bytes]:
        found = []
        for name in self.names():
            items = FragmentReader().feed((self.folder / name).read_bytes())
            found += [item.data for item in items if isinstance(item, Sample)]
        return found


def go_live(seller: User) -> tuple[Stream, str]:
    stream = make_stream(seller=seller)
    return streams.go_live(actor=seller, stream_id=stream.pk, camera_ready=True, checklist_complete=True)


def recorded_pictures(path: Path) -> list[bytes]:
    with GrowingRecording(path) as recording:
        tags = []
        while some := recording.read():
            tags += some
    return pictures(tags)


def contains(whole: list[bytes], part: list[bytes]) -> bool:
    """Return whether these pictures follow each other in others, without one between them."""
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))


def test_viewers_watch_through_a_lost_encoder_to_the_end(
    media: MediaServerProcess, encoder: Encoder, seller: User, run_jobs: Any
) -> None:
    stream, key = go_live(seller)
    viewer = Viewer(media, stream)
    began = time.monotonic()
    first = encoder(key)
    viewer.wait_for_segments(1)
    print(f"encoder started → first segment: {time.monotonic() - began:.2f} s")
    viewer.wait_for_segments(3)
    assert probe(viewer.hls_url)["codecs"] == ["aac", "h264"]
    assert probe(viewer.dash_url)["codecs"] == ["aac", "h264"]

    first.kill()
    before = len(viewer.names())
    viewer.wait_for_segments(before + 2)
    encoder(key)
    wait_until(lambda: len(recordings.of_stream(stream.public_id)) == 2, "second recording", 20)
    wait_until(lambda: b"#EXT-X-DISCONTINUITY\n" in (viewer.fetch("video.m3u8") or b""), "section", 20)
    viewer.wait_for_segments(len(viewer.names()) + 2)
    assert (viewer.fetch(viewer.dash_url) or b"").count(b"<Period ") >= 2

    paths = recordings.of_stream(stream.public_id)
    sent = [recorded_pictures(path) for path in paths]
    streams.end_stream(actor=seller, stream_id=stream.pk)
    run_jobs()
    wait_until(lambda: b"#EXT-X-ENDLIST" in (viewer.fetch("video.m3u8") or b""), "end mark", 30)
    viewer.hls.check()
    viewer.dash.check()
    assert viewer.dash.is_static
    # The first recording is whole: it ended when its encoder was killed. Of the second, what was there.
    shown = viewer.pictures()
    assert contains(shown, sent[0]) or was_interrupted(viewer, sections=2)
    assert contains(shown, sent[1]) or was_interrupted(viewer, sections=2)


def test_no_picture_is_lost_when_the_packager_is_killed(
    media: MediaServerProcess, encoder: Encoder, seller: User, run_jobs: Any
) -> None:
    stream, key = go_live(seller)
    viewer = Viewer(media, stream)
    encoder(key)
    viewer.wait_for_segments(2)
    media.kill_packager()
    assert ffmpegs_of(stream) == []
    media.start_packager()
    viewer.wait_for_segments(len(viewer.names()) + 3)
    (path,) = recordings.of_stream(stream.public_id)
    sent = recorded_pictures(path)
    streams.end_stream(actor=seller, stream_id=stream.pk)
    run_jobs()
    wait_until(lambda: b"#EXT-X-ENDLIST" in (viewer.fetch("video.m3u8") or b""), "end mark", 30)
    viewer.hls.check()
    viewer.dash.check()
    assert viewer.pictures()[: len(sent)] == sent or was_interrupted(viewer, sections=2)


def test_no_picture_is_lost_when_the_disk_is_full_for_some_seconds(
    media: MediaServerProcess, encoder: Encoder, seller: User, run_jobs: Any
) -> None:
    stream, key = go_live(seller)
    viewer = Viewer(media, stream)
    encoder(key)
    viewer.wait_for_segments(2)
    media.let_packager_write(0)
    time.sleep(1)
    before = viewer.names()
    time.sleep(3)
    assert viewer.names() == before, "nothing can be written"
    viewer.hls.check()
    assert media.packager is not None
    assert media.packager.poll() is None
    media.let_packager_write(resource.RLIM_INFINITY)
    viewer.wait_for_segments(len(before) + 4)
    (path,) = recordings.of_stream(stream.public_id)
    sent = recorded_pictures(path)
    streams.end_stream(actor=seller, stream_id=stream.pk)
    run_jobs()
    wait_until(lambda: b"#EXT-X-ENDLIST" in (viewer.fetch("video.m3u8") or b""), "end mark", 30)
    viewer.hls.check()
    viewer.dash.check()
    assert viewer.names()[: len(before)] == before
    assert contains(viewer.pictures(), sent) or was_interrupted(viewer, sections=3)


def was_interrupted(viewer: Viewer, *, sections: int) -> bool:
    """Return whether the machine was so busy that an encoder paused, which begins more sections."""
    return len({name.split("-")[1] for name in viewer.names()}) > sections


def ffmpegs_of(stream: Stream) -> list[str]:
    """Return the commands of all packaging ffmpegs that still run; they end with their packager."""
    time.sleep(0.5)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if "copypriorss" in command and parent == 1:
            found.append(command)
    return found


def test_the_video_of_a_stream_that_staff_end_is_gone_at_once(
    media: MediaServerProcess, encoder: Encoder, seller: User, run_jobs: Any
) -> None:
    stream, key = go_live(seller)
    viewer = Viewer(media, stream)
    encoder(key)
    viewer.wait_for_segments(1)
    streams.end_stream_by_staff(actor=make_staff(), stream_id=stream.pk, reason="Counterfeits")
    run_jobs()
    wait_until(lambda: not viewer.folder.exists(), "removed folder", 20)
    time.sleep(1)
    assert not viewer.folder.exists(), "its recording isn't packaged again"


@pytest.mark.django_db
def test_the_packager_learns_which_streams_ended_and_which_were_withdrawn() -> None:
    live, ended, by_staff = (make_live_stream() for _ in range(3))
    streams.end_stream(actor=ended.seller, stream_id=ended.pk)
    streams.end_stream_by_staff(actor=make_staff(), stream_id=by_staff.pk, reason="Counterfeits")
    asked = [live.public_id, ended.public_id, by_staff.public_id, "stream_ffffffffffffffff"]
    assert closed_broadcasts(asked) == {
        ended.public_id: False,
        by_staff.public_id: True,
        "stream_ffffffffffffffff": True,
    }


def test_a_second_packager_waits_for_the_first(media: MediaServerProcess) -> None:
    first = media.packager
    assert first is not None
    status = Path(settings.MEDIA_ROOT) / "live" / "packager.json"
    wait_until(status.exists, "status of the packager", 20)
    media.packager = None
    media.start_packager()
    time.sleep(3)
    assert f'"process": {first.pid}' in status.read_text()
    os.kill(first.pid, signal.SIGTERM)
    assert first.wait(10) == 0
    second = media.packager
    assert second is not None
    wait_until(lambda: f'"process": {second.pid}' in status.read_text(), "the second packager", 20)
