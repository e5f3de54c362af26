"""A broadcast packaged in the test's own process, from recordings that the test writes."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from livestream.media import recordings
from livestream.media.flv.tags import Tag
from livestream.media.packaging.fragments import FragmentReader, Sample
from livestream.media.packaging.renditions import Transcoders
from livestream.media.packaging.stream import Hooks, StreamPackager
from livestream.tests.dash_validator import DashValidator
from livestream.tests.flv_files import FILE_HEADER, tag_as_bytes
from livestream.tests.hls_validator import HlsValidator

PUBLIC_ID = "stream_0123456789abcdef"


class Packaged:
    """A broadcast's recordings, its packager, and what players see."""

    def __init__(self, root: Path, *, transcoders: int = 0, longest_interruption: float = 0.0) -> None:
        self.recordings = root / "recordings"
        self.recordings.mkdir(parents=True, exist_ok=True)
        self.path = root / "live" / PUBLIC_ID
        self.transcoders = Transcoders(transcoders)
        self.longest_interruption = longest_interruption
        self.first_segments = 0
        self.on_tag: Callable[[str, str, Tag, float], None] = lambda *arguments: None
        self.tags = 0
        self.hls = HlsValidator(self.fetch, "http://host/live/index.m3u8")
        self.dash = DashValidator(self.fetch, "http://host/live/manifest.mpd")
        self.from_start = HlsValidator(self.fetch, "http://host/live/dvr.m3u8")
        self.packager: StreamPackager | None = None
        self.task: asyncio.Task[None] | None = None
        self.killed: set[int] = set()
        self._number = int(time.time()) - 100

    def start(self) -> None:
        def on_first_segment(public_id: str) -> None:
            assert (self.path / "index.m3u8").exists()
            self.first_segments += 1

        def on_tag(public_id: str, recording: str, tag: Tag, at: float) -> None:
            self.tags += 1
            self.on_tag(public_id, recording, tag, at)

        self.packager = StreamPackager(
            PUBLIC_ID,
            self.path,
            "http://host/healthz",
            self.transcoders,
            lambda: recordings.of_stream(PUBLIC_ID),
            Hooks(on_tag=on_tag, on_first_segment=on_first_segment),
            self.longest_interruption,
        )
        self.task = asyncio.create_task(self.packager.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def end(self) -> None:
        """End the stream, wait until the packager has finished, and check what it left."""
        assert self.packager is not None
        assert self.task is not None
        self.packager.end()
        await asyncio.wait_for(self.task, 30)
        self.check()
        assert {playlist.is_ended for playlist in self.hls.latest.values()} == {True}
        assert self.dash.is_static

    def connect(self) -> Path:
        """Begin a recording, as the media server does when an encoder connects."""
        self._number += 1
        path = self.recordings / f"{PUBLIC_ID}-{self._number}.flv"
        path.write_bytes(FILE_HEADER)
        return path

    async def record_live(self, path: Path, tags: Iterable[Tag]) -> None:
        """Record tags at the times that they say, and check what players see meanwhile."""
        tags = list(tags)
        began = time.monotonic() - tags[0].timestamp / 1000
        while tags:
            now = (time.monotonic() - began) * 1000
            due = [tag for tag in tags if tag.timestamp <= now]
            del tags[: len(due)]
            self.record(path, due)
            await asyncio.sleep(0.1)
            if (self.path / "index.m3u8").exists():
                self.check()

    def record(self, path: Path, tags: Iterable[Tag]) -> None:
        with path.open("ab") as recording:
            for tag in tags:
                recording.write(tag_as_bytes(tag.kind, tag.timestamp, tag.payload))

    async def wait(self, condition: Callable[[], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.task is not None
            assert not self.task.done() or condition(), "the packager has ended"
            assert time.monotonic() < deadline, "waited for too long"
            await asyncio.sleep(0.02)

    async def wait_for_segments(self, count: int, rendition: str = "video") -> None:
        await self.wait(lambda: len(self.names(rendition)) >= count)

    def names(self, rendition: str = "video") -> list[str]:
        """Return what a rendition's playlist from the start lists."""
        playlist = self.path / f"dvr-{rendition}.m3u8"
        lines = playlist.read_text().splitlines() if playlist.exists() else []
        return [line for line in lines if line and not line.startswith("#")]

    def text(self, name: str) -> str:
        return (self.path / name).read_text()

    def check(self) -> None:
        """Check all playlists, the manifest and all that they list."""
        self.hls.check()
        self.from_start.check()
        self.dash.check()

    def fetch(self, url: str) -> bytes | None:
        path = self.path / url.rpartition("/")[2]
        return path.read_bytes() if path.exists() else None

    def samples(self, rendition: str = "video") -> list[Sample]:
        """Return all frames of a rendition, in order."""
        found: list[Sample] = []
        for name in self.names(rendition):
            items = FragmentReader().feed((self.path / name).read_bytes())
            found += [item for item in items if isinstance(item, Sample)]
        return found

    async def kill_ffmpeg(self, word: str) -> None:
        """Kill our ffmpeg whose command contains a word, as if it had crashed, once there is one."""
        found: list[int] = []

        def is_there() -> bool:
            found[:] = [pid for pid, command in _children(os.getpid()) if word in command]
            return bool(set(found) - self.killed)

        await self.wait(is_there)
        for process in found:
            self.killed.add(process)
            os.kill(process, signal.SIGKILL)


def pictures(tags: Iterable[Tag]) -> list[bytes]:
    """Return the pictures among tags, as segments hold them."""
    return [tag.payload[5:] for tag in tags if tag.kind == "video" and tag.payload[1] == 1]


def sounds(tags: Iterable[Tag]) -> list[bytes]:
    return [tag.payload[2:] for tag in tags if tag.kind == "audio" and tag.payload[1] == 1]


def _children(pid: int) -> list[tuple[int, str]]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread or process that has ended meanwhile
            for child in (task / "children").read_text().split():
                command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append((int(child), command))
    return found
