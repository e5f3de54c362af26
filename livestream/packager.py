"""The packager process: finds recordings, packages each broadcast, and closes those whose streams ended."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import Error, connections

from livestream import metrics
from livestream.media import recordings
from livestream.media.packaging.renditions import Transcoders
from livestream.media.packaging.store import JOURNAL, BroadcastFolder
from livestream.media.packaging.stream import Hooks, StreamPackager
from livestream.packager_reports import PackagerReports
from livestream.selectors.packaging import closed_broadcasts

logger = logging.getLogger(__name__)

_SCAN_SECONDS, _ASK_SECONDS = 0.1, 1.0
_ANSWER_SECONDS = 3.0
_END_LAG_SECONDS = 15.0  # from the end of the time to reconnect until the job that ends the stream
# A recording that hasn't grown for longer belongs to a broadcast that ended while no packager ran.
_RECENT_SECONDS = 120.0
# Two packagers would write the same files: the second one waits until the first has ended.
_LOCK = "packager.lock"
STATUS = "packager.json"


class Packager:
    """All broadcasts of one media server."""

    def __init__(self, hooks: Hooks | None = None) -> None:
        self.folder = Path(settings.MEDIA_ROOT) / "live"
        self.hooks = hooks or Hooks()
        self.transcoders = Transcoders(settings.VIDEO_TRANSCODERS)
        self._listing: dict[str, list[Path]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._streams: dict[str, StreamPackager] = {}
        # Streams that must not be packaged again although their recordings are still there.
        self._closed: set[str] = set()
        # Django keeps a connection for each thread.
        self._database = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._is_database_known_unavailable = False
        self._is_disk_known_full = False
        self._counted_dropped = 0

    async def run(self) -> None:
        """Package until the task is cancelled; whatever was not finished, another packager goes on with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("a") as lock:
            await _wait_for(lock)
            await self._run()

    async def _run(self) -> None:
        asking = asyncio.create_task(self._ask_for_ever())
        try:
            for journal in self.folder.glob(f"*/{JOURNAL}"):
                self._start(journal.parent.name)
            while True:
                self._scan()
                await asyncio.sleep(_SCAN_SECONDS)
        finally:
            asking.cancel()
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(asking, *self._tasks.values(), return_exceptions=True)
            self._database.shutdown(wait=False, cancel_futures=True)

    def recordings_of(self, public_id: str) -> list[Path]:
        """Return a stream's recordings, oldest first, as they were found by the last scan."""
        return self._listing.get(public_id, [])

    def _scan(self) -> None:
        """Find the recordings, and begin to package those of broadcasts that weren't known."""
        self._listing = recordings.by_stream()
        self._closed &= self._listing.keys()
        for public_id, paths in self._listing.items():
            if public_id not in self._tasks and public_id not in self._closed and _is_recent(paths[-1]):
                self._start(public_id)

    def _start(self, public_id: str) -> None:
        if public_id in self._tasks:
            return
        task = asyncio.create_task(self._package(public_id), name=public_id)
        self._tasks[public_id] = task
        task.add_done_callback(lambda done: self._forget(public_id, done))

    def _forget(self, public_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(public_id, None)
        self._streams.pop(public_id, None)
        if not task.cancelled() and (error := task.exception()):
            metrics.GIVEN_UP.inc()
            logger.error("packaging %s was given up", public_id, exc_info=error)

    async def _package(self, public_id: str) -> None:
        """Package one broadcast, and remove its files some time after its end."""
        path = self.folder / public_id
        stream = StreamPackager(
            public_id,
            path,
            clock_url=f"{settings.MEDIA_URL}healthz",
            transcoders=self.transcoders,
            hooks=self.hooks,
            find_recordings=lambda: self.recordings_of(public_id),
            longest_interruption=settings.STREAM_RECONNECT_WINDOW.total_seconds() + _END_LAG_SECONDS,
        )
        closed = await self._ask([public_id])
        if closed.get(public_id) or (public_id in closed and not (path / JOURNAL).exists()):
            self._remove(public_id)
            return
        self._streams[public_id] = stream
        if public_id in closed:
            stream.end()
        await stream.run()
        folder = BroadcastFolder(path, clock_url=stream.clock_url)
        kept = settings.BROADCAST_KEPT_AFTER_END.total_seconds()
        await asyncio.sleep(max(0.0, folder.changed_at + kept - time.time()))
        self._remove(public_id)

    def _remove(self, public_id: str) -> None:
        self._closed.add(public_id)
        shutil.rmtree(self.folder / public_id, ignore_errors=True)

    # Ends of streams

    async def _ask_for_ever(self) -> None:
        while True:
            try:
                await self._close_ended()
                self._write_status()
            except Exception:
                logger.exception("looking for ended streams failed")
            await asyncio.sleep(_ASK_SECONDS)

    async def _close_ended(self) -> None:
        for public_id, is_withdrawn in (await self._ask(list(self._tasks))).items():
            task = self._tasks.get(public_id)
            if task is None:
                continue
            if is_withdrawn:
                self._closed.add(public_id)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                self._remove(public_id)
            elif stream := self._streams.get(public_id):
                stream.end()

    async def _ask(self, public_ids: list[str]) -> dict[str, bool]:
        """Return which of these streams ended; none while PostgreSQL is unavailable."""
        if not public_ids:
            return {}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                closed = await loop.run_in_executor(self._database, _closed_broadcasts, public_ids)
        except (Error, TimeoutError) as error:
            if not self._is_database_known_unavailable:
                logger.warning("PostgreSQL is unavailable, broadcasts go on: %s", error)
            self._is_database_known_unavailable = True
            return {}
        self._is_database_known_unavailable = False
        return closed

    def _write_status(self) -> None:
        """Tell the health check and staff that this process is alive, and how it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        is_full = free < settings.DISK_FREE_MIN_BYTES
        if is_full and not self._is_disk_known_full:
            logger.error("only %d MiB are free for recordings and segments", free // 2**20)
        self._is_disk_known_full = is_full
        metrics.PACKAGED.set(len(self._streams))
        metrics.TRANSCODERS_FREE.set(self.transcoders.free)
        metrics.DISK_FREE.set(free)
        metrics.RENDITIONS_GIVEN_UP.inc(self.transcoders.dropped - self._counted_dropped)
        self._counted_dropped = self.transcoders.dropped
        status = {
            "time": time.time(),
            "process": os.getpid(),
            "broadcasts": sorted(self._streams),
            "freeTranscoders": self.transcoders.free,
            "transcodersDropped": self.transcoders.dropped,
            "diskFreeBytes": free,
            "diskIsFull": is_full,
        }
        unfinished = self.folder / f"{STATUS}.unfinished"
        unfinished.write_text(json.dumps(status))
        unfinished.replace(self.folder / STATUS)


async def run_packager() -> None:
    """Package until the process is told to end."""
    os.umask(0o022)  # the media server reads the files as another user
    reports = PackagerReports()
    reports.start()
    hooks = Hooks(on_tag=reports.on_tag, on_first_segment=reports.on_first_segment)
    packager = asyncio.create_task(Packager(hooks).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, packager.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await packager
    await asyncio.to_thread(reports.stop)


async def _wait_for(lock: IO[str]) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            await asyncio.sleep(_SCAN_SECONDS)


def _closed_broadcasts(public_ids: list[str]) -> dict[str, bool]:
    try:
        return closed_broadcasts(public_ids)
    except Error:
        connections.close_all()  # the next attempt needs a new one
        raise


def _is_recent(recording: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return time.time() - recording.stat().st_mtime < _RECENT_SECONDS
    return False
