"""Packages one broadcast: reads its recordings while they grow, and goes on wherever something failed."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from livestream.media import recordings
from livestream.media.flv.sections import Frame, Section
from livestream.media.flv.tags import NotFlv, Tag
from livestream.media.packaging import renditions
from livestream.media.packaging.assembly import Assembly
from livestream.media.packaging.interruption import Interruption
from livestream.media.packaging.process import FfmpegFailed
from livestream.media.packaging.reading import RecordingReader
from livestream.media.packaging.renditions import Transcoders
from livestream.media.packaging.section import SectionPackager, TranscoderFailed, TranscoderTooSlow
from livestream.media.packaging.stills import make_stills
from livestream.media.packaging.store import BroadcastFolder, Position
from livestream.media.packaging.transcoding import Transcoding

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.04
_ITEMS_AT_ONCE = 50
# Room before the first frame, because an encoder for sound begins a little earlier than what it is given.
_TIMELINE_START_MS = 10_000
# What an encoder had sent when its stream ended is recorded by then.
_QUIET_SECONDS, _LONGEST_END_SECONDS = 1.0, 10.0
_RETRY_SECONDS = (0.1, 0.5, 2.0)
_FAILURES_FORGOTTEN_SECONDS = 60.0
# What stands in for an encoder is this far behind the time of day, as an encoder's frames are.
_BEHIND_SECONDS = 1.0
# A packager that was away for longer doesn't make up for it: players jump over the hole.
_LONGEST_FILLED_SECONDS = 10.0


def _ignore(*arguments: object) -> None:
    pass


@dataclass(frozen=True)
class Hooks:
    """What others want to know of a broadcast."""

    # The stream's public id, the recording's name, its next message, and when it was read (Unix time).
    on_tag: Callable[[str, str, Tag, float], None] = _ignore
    # The first segment of an encoder's connection can be fetched.
    on_first_segment: Callable[[str], None] = _ignore


@dataclass
class StreamPackager:
    """One broadcast, from its first recording to the end of its stream."""

    public_id: str
    path: Path
    clock_url: str
    transcoders: Transcoders
    find_recordings: Callable[[], list[Path]]
    hooks: Hooks = field(default_factory=Hooks)
    longest_interruption: float = 70.0  # seconds: the stream has ended by then

    def __post_init__(self) -> None:
        self.folder: BroadcastFolder | None = None
        self._ends_at: float | None = None
        self._section: SectionPackager | None = None
        self._announced: Section | None = None
        self._transcoding = Transcoding(self.public_id, self.transcoders)
        # The timeline in ms, where each track has got to on it, and the Unix time of its beginning.
        self._timeline = _TIMELINE_START_MS
        self._track_ends = {"video": 0, "audio": 0}
        self._zero = 0.0
        # What stands in for the encoder, of which keyframe, and where reading goes on after it.
        self._interruption: Interruption | None = None
        self._keyframe: Frame | None = None
        self._section_end = 0
        self._read_at = 0.0

    def end(self) -> None:
        """Finish with what has been recorded: the stream has ended."""
        self._ends_at = self._ends_at or time.monotonic()

    def has_picture(self) -> bool:
        """Return whether a section is being made whose picture is the encoder's."""
        return self._section is not None and self._section.section.has_picture

    async def run(self) -> None:
        """Package until the stream has ended; cancel it to stop earlier, and another one can go on."""
        failures = 0
        stills = asyncio.create_task(make_stills(self.public_id, lambda: self.folder, self.has_picture))
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._package()
                    return
                except (TranscoderFailed, TranscoderTooSlow) as error:
                    self._transcoding.note_failure(error)
                except (FfmpegFailed, OSError) as error:
                    logger.warning("packaging %s failed and goes on: %s", self.public_id, error)
                except Exception:
                    logger.exception("packaging %s failed and goes on", self.public_id)
                finally:
                    await self._abort_section()
                failures = 0 if time.monotonic() - began > _FAILURES_FORGOTTEN_SECONDS else failures + 1
                await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1])
        finally:
            stills.cancel()
            self._transcoding.give_place_back()

    async def _package(self) -> None:
        self.folder = folder = BroadcastFolder(self.path, clock_url=self.clock_url)
        if folder.broadcast.is_ended:
            return
        if folder.position is not None:
            self._timeline = folder.position.time
            assert folder.newest is not None
            end = folder.broadcast.starts_at(folder.newest) + folder.broadcast.seconds(folder.newest)
            self._zero = end - self._timeline / 1000
        reader = await self._open_first(folder.position)
        try:
            while True:
                if reader is not None and await self._read(reader):
                    continue
                following = self._following(folder, reader)
                if following is not None or self._is_over(reader):
                    if reader is not None:
                        await self._finish(reader)
                    if following is None:
                        await self._finish_section(self._section_end)
                        folder.end()
                        return
                    reader = RecordingReader(following)
                elif self._section is not None:
                    self._section.raise_if_failed()
                    if reader is not None:
                        await self._stand_in(reader)
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            if reader is not None:
                reader.close()

    # Recordings

    async def _open_first(self, position: Position | None) -> RecordingReader | None:
        """Open the recording in which the last segment ended, at its end; None if there is none any more."""
        if position is None:
            return None
        try:
            return await RecordingReader.resume(recordings.folder() / position.recording, position.offset)
        except (OSError, NotFlv):
            return None

    def _following(self, folder: BroadcastFolder, reader: RecordingReader | None) -> Path | None:
        """Return the recording after the one that is being read: the encoder has connected again."""
        known = reader.path.name if reader else folder.position.recording if folder.position else ""
        return next((path for path in self.find_recordings() if path.name > known), None)

    def _is_over(self, reader: RecordingReader | None) -> bool:
        """Return whether the stream has ended, and nothing of it is still to come."""
        if self._ends_at is None:
            return False
        now = time.monotonic()
        if reader is None or now - self._ends_at > _LONGEST_END_SECONDS:
            return True
        return now - max(self._ends_at, self._read_at) > _QUIET_SECONDS

    async def _read(self, reader: RecordingReader) -> bool:
        """Package what was recorded since the last time; return whether there was anything."""
        try:
            tags = reader.read()
        except NotFlv as error:
            logger.warning("recording %s is broken: %s", reader.path.name, error)
            return False
        if tags:
            self._read_at, now = time.monotonic(), time.time()
            for tag in tags:
                self.hooks.on_tag(self.public_id, reader.path.name, tag, now)
        for index, item in enumerate(reader.repaired(tags, timeline=self._timeline)):
            await self._take(reader, item)
            if index % _ITEMS_AT_ONCE == 0:
                await asyncio.sleep(0)  # other broadcasts are in a hurry, too
        return bool(tags) and self._interruption is None

    async def _finish(self, reader: RecordingReader) -> None:
        """Package what the repair still kept, up to the recording's last frame."""
        for item in reader.finish():
            await self._take(reader, item)
        self._section_end = reader.position
        reader.close()

    # Sections

    async def _take(self, reader: RecordingReader, item: Section | Frame) -> None:
        if isinstance(item, Section):
            if reader.shift is None:
                await self._join(reader)
                reader.shift = self._timeline - item.start
                self._section_end = item.offset if self._section is None else self._section_end
            else:
                self._section_end = item.offset
            await self._finish_section(self._section_end)
            self._announced = replace(item, start=item.start + reader.shift)
            return
        if reader.shift:
            item = item._replace(dts=item.dts + reader.shift, pts=item.pts + reader.shift)
        if self._section is None:
            assert self._announced is not None
            await self._begin_section(reader, self._announced)
        await self._feed(item)

    async def _feed(self, frame: Frame) -> None:
        assert self._section is not None
        if frame.kind == "video" and frame.is_key:
            self._keyframe = frame
        self._track_ends[frame.kind] = frame.dts + self._length(frame)
        self._timeline = max(self._timeline, self._track_ends[frame.kind])
        await self._section.feed(frame)

    def _length(self, frame: Frame) -> int:
        """Return about how many ms a frame lasts."""
        assert self._section is not None
        sound = self._section.section.audio
        if frame.kind == "audio" and sound.frame_samples and sound.sample_rate:
            return sound.frame_samples * 1000 // sound.sample_rate
        return 20 if frame.kind == "audio" else 33

    async def _begin_section(self, reader: RecordingReader, section: Section) -> None:
        assert self.folder is not None
        started_at = self._starts_at(self.folder, reader, section)
        self._zero = started_at - section.start / 1000
        smaller = renditions.smaller_than(section.video) if section.has_picture else []
        if smaller and not self._transcoding.take_place():
            smaller = []
        assembly = Assembly(
            self.folder,
            section,
            smaller=smaller,
            recording=reader.path.name,
            started_at=started_at,
            timeline=lambda: self._timeline,
            on_stored=lambda: self._announce(reader),
        )
        self._section = SectionPackager(
            section,
            target_duration=self.folder.broadcast.target_duration,
            on_source=assembly.store_source,
            on_smaller=assembly.store_smaller,
        )
        await self._section.start(smaller)

    def _announce(self, reader: RecordingReader) -> None:
        if reader.is_new and self.folder is not None and self.folder.can_be_watched:
            reader.is_new = False
            self.hooks.on_first_segment(self.public_id)

    def _starts_at(self, folder: BroadcastFolder, reader: RecordingReader, section: Section) -> float:
        """Return the Unix time of a section's first frame: the last one's end, unless that was long ago."""
        measured = reader.started_at() or 0.0
        if folder.newest is None:
            return measured
        end = self._zero + section.start / 1000
        return measured if measured - end > _LONGEST_FILLED_SECONDS else end

    async def _finish_section(self, offset: int) -> None:
        self._interruption = None
        if self._section is not None:
            await self._section.finish(offset, end=self._timeline)
            self._section = None

    async def _abort_section(self) -> None:
        section, self._section = self._section, None
        self._interruption = None
        if section is not None:
            await section.abort()

    # Interruptions

    async def _stand_in(self, reader: RecordingReader) -> None:
        """Go on with the last picture and silence while the encoder of a running stream sends nothing."""
        silent_for = time.monotonic() - self._read_at
        if self._ends_at is not None or silent_for > self.longest_interruption:
            return
        if self._interruption is None:
            if silent_for < reader.patience:
                return
            if reader.shift is not None:  # else nothing of this recording has been packaged
                for item in reader.finish():
                    await self._take(reader, item)
                self._section_end = reader.position
                await reader.interrupt(timeline=self._timeline)
            self._interrupt()
        await self._fill(time.time() - _BEHIND_SECONDS)

    async def _join(self, reader: RecordingReader) -> None:
        """Stand in up to the time at which the encoder began to send again."""
        started_at = reader.started_at()
        if self._section is not None and self._ends_at is None and started_at is not None:
            if self._interruption is None:
                self._interrupt()
            await self._fill(started_at)

    def _interrupt(self) -> None:
        assert self._section is not None
        assert self._keyframe is not None
        self._interruption = Interruption(
            self._section.section,
            keyframe=self._keyframe,
            picture_end=self._track_ends["video"],
            sound_end=self._track_ends["audio"],
            offset=self._section_end,
        )

    async def _fill(self, unix_time: float) -> None:
        """Stand in up to a time of day."""
        assert self._interruption is not None
        until = round((unix_time - self._zero) * 1000)
        if until - self._timeline <= _LONGEST_FILLED_SECONDS * 1000:
            for frame in self._interruption.until(until):
                await self._feed(frame)
