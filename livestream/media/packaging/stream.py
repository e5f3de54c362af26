"""Packages one broadcast: reads its recordings while they grow, and goes on wherever something failed."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from livestream.media import recordings
from livestream.media.flv.repair import Repair
from livestream.media.flv.sections import Frame, Section
from livestream.media.flv.tags import GrowingRecording, NotFlv, Tag, sequence_headers_before
from livestream.media.packaging import playlists, renditions
from livestream.media.packaging.broadcast import SOURCE, Track, init_name
from livestream.media.packaging.process import FfmpegFailed
from livestream.media.packaging.renditions import Transcoders
from livestream.media.packaging.section import (
    Cut,
    FinishedSegment,
    SectionPackager,
    TranscoderFailed,
    TranscoderTooSlow,
)
from livestream.media.packaging.stills import still_of
from livestream.media.packaging.store import BroadcastFolder, NewSegment, Position

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.04
# Room before the first frame, because an encoder for sound begins a little earlier than what it is given.
_TIMELINE_START_MS = 10_000
# What an encoder had sent when its stream ended is recorded by then.
_QUIET_SECONDS, _LONGEST_END_SECONDS = 1.0, 10.0
_STILL_EVERY_SECONDS = 10.0
_RETRY_SECONDS = (0.1, 0.5, 2.0)
_TRANSCODER_DEATHS, _WITHIN_SECONDS = 3, 60.0
# Frames that come so much later than expected by the time of the one before them follow a pause.
_PAUSE_SECONDS = 1.5


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
class _Reader:
    """A recording that is being read."""

    path: Path
    recording: GrowingRecording
    repair: Repair
    is_new: bool  # no segment has been made of it
    first_tag: Tag | None = None
    last_tag: Tag | None = None


@dataclass
class StreamPackager:
    """One broadcast, from its first recording to the end of its stream."""

    public_id: str
    path: Path
    clock_url: str
    transcoders: Transcoders
    find_recordings: Callable[[], list[Path]]
    hooks: Hooks = field(default_factory=Hooks)

    def __post_init__(self) -> None:
        self._ends_at: float | None = None
        self._read_at = 0.0
        self._section: SectionPackager | None = None
        self._announced: Section | None = None
        self._has_place = False
        self._may_transcode = True
        self._deaths: deque[float] = deque(maxlen=_TRANSCODER_DEATHS)

    def end(self) -> None:
        """Finish with what has been recorded: the stream has ended."""
        self._ends_at = self._ends_at or time.monotonic()

    async def run(self) -> None:
        """Package until the stream has ended; cancel it to stop earlier, and another one can go on."""
        failures = 0
        stills = asyncio.create_task(self._make_stills())
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._package()
                    return
                except (TranscoderFailed, TranscoderTooSlow) as error:
                    self._note_transcoder(error)
                except (FfmpegFailed, OSError) as error:
                    logger.warning("packaging %s failed and goes on: %s", self.public_id, error)
                except Exception:
                    logger.exception("packaging %s failed and goes on", self.public_id)
                finally:
                    await self._abort_section()
                failures = 0 if time.monotonic() - began > _WITHIN_SECONDS else failures + 1
                await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1])
        finally:
            stills.cancel()
            if self._has_place:
                self._has_place = False
                self.transcoders.give_back()

    async def _package(self) -> None:
        self._folder = folder = BroadcastFolder(self.path, clock_url=self.clock_url)
        if folder.broadcast.is_ended:
            return
        self._timeline = folder.position.time if folder.position else _TIMELINE_START_MS
        reader = await self._open_first(folder.position)
        try:
            while True:
                if reader is not None and await self._read(reader):
                    continue
                following = self._following(reader)
                if following is not None or self._is_over(reader):
                    if reader is not None:
                        await self._finish(reader)
                        reader.recording.close()
                        reader = None
                    if following is None:
                        folder.end()
                        return
                    reader = self._open(following)
                    continue
                if self._section is not None:
                    self._section.raise_if_failed()
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            if reader is not None:
                reader.recording.close()

    # Recordings

    async def _open_first(self, position: Position | None) -> _Reader | None:
        """Open the recording in which the last segment ended, at its end; None if there is none any more."""
        if position is None:
            return None
        path = recordings.folder() / position.recording
        try:
            headers = await asyncio.to_thread(sequence_headers_before, path, position.offset)
            recording = GrowingRecording(path, position.offset)
        except (OSError, NotFlv):
            return None
        repair = Repair(start=position.time, from_keyframe=True)
        for tag in headers:
            repair.feed(tag)
        return _Reader(path, recording, repair, is_new=False)

    def _open(self, path: Path) -> _Reader:
        repair = Repair(start=self._timeline)
        return _Reader(path, GrowingRecording(path), repair, is_new=True)

    def _following(self, reader: _Reader | None) -> Path | None:
        """Return the recording after the one that is being read: the encoder has connected again."""
        paths = self.find_recordings()
        if reader is not None:
            return next((path for path in paths if path.name > reader.path.name), None)
        position = self._folder.position
        return next((path for path in paths if position is None or path.name > position.recording), None)

    def _is_over(self, reader: _Reader | None) -> bool:
        """Return whether the stream has ended, and nothing of it is still to come."""
        if self._ends_at is None:
            return False
        now = time.monotonic()
        if reader is None or now - self._ends_at > _LONGEST_END_SECONDS:
            return True
        return now - max(self._ends_at, self._read_at) > _QUIET_SECONDS

    async def _read(self, reader: _Reader) -> bool:
        """Package what was recorded since the last time; return whether there was anything."""
        try:
            tags = reader.recording.read()
        except NotFlv as error:
            logger.warning("recording %s is broken: %s", reader.path.name, error)
            return False
        if not tags:
            return False
        self._read_at = time.monotonic()
        now = time.time()
        for tag in tags:
            self.hooks.on_tag(self.public_id, reader.path.name, tag, now)
            reader.first_tag, reader.last_tag = reader.first_tag or tag, tag
            for item in reader.repair.feed(tag):
                await self._take(reader, item)
        return True

    async def _finish(self, reader: _Reader) -> None:
        """Package what the repair still kept, up to the recording's last frame."""
        for item in reader.repair.finish():
            await self._take(reader, item)
        await self._finish_section(reader.recording.position)

    # Sections

    async def _take(self, reader: _Reader, item: Section | Frame) -> None:
        if isinstance(item, Section):
            await self._finish_section(item.offset)
            self._announced = item
            return
        if self._section is None:
            assert self._announced is not None
            await self._begin_section(reader, self._announced)
        assert self._section is not None
        self._timeline = max(self._timeline, item.dts + _usual_length(item))
        await self._section.feed(item)

    async def _begin_section(self, reader: _Reader, section: Section) -> None:
        folder = self._folder
        started_at = self._starts_at(reader, section)
        number, first = folder.begin_section(started_at=started_at), folder.next_number
        smaller = []
        if section.has_picture and self._may_transcode and (wanted := renditions.smaller_than(section.video)):
            self._has_place = self._has_place or self.transcoders.take()
            smaller = wanted if self._has_place else []
        folder.fill_smaller()
        folder.expected = {rendition.name for rendition in smaller}
        early: list[FinishedSegment] = []

        def on_source(picture: FinishedSegment, sound: FinishedSegment, cut: Cut) -> None:
            broadcast = folder.broadcast
            broadcast.target_duration = (
                broadcast.target_duration
                or packager.target_duration
                or playlists.target_duration(picture.seconds)
            )
            time_ms = min(cut.decode, self._timeline)
            folder.add_source(
                number,
                picture=NewSegment(_picture_track(section, picture), picture.init, picture.samples),
                sound=NewSegment(_sound_track(section, sound), sound.init, sound.samples),
                position=Position(reader.path.name, cut.offset, time_ms),
            )
            if not smaller:
                folder.fill_smaller()
            while early and first + early[0].index < folder.next_number:
                on_smaller(early.pop(0))
            announce()

        def on_smaller(finished: FinishedSegment) -> None:
            if first + finished.index >= folder.next_number:
                early.append(finished)  # the source's sound isn't complete
                return
            rendition = next(one for one in smaller if one.name == finished.rendition)
            width, height = renditions.size_of(rendition, section.video)
            source = folder.broadcast.sections[number].tracks[SOURCE]
            track = Track(
                finished.init.codec_string, finished.init.timescale, width, height, source.frame_rate
            )
            new = NewSegment(track, finished.init, finished.samples)
            folder.add_smaller(finished.rendition, number, first + finished.index, new)
            announce()

        def announce() -> None:
            if reader.is_new and folder.can_be_watched:
                reader.is_new = False
                self.hooks.on_first_segment(self.public_id)

        target = folder.broadcast.target_duration
        packager = SectionPackager(
            section, target_duration=target, on_source=on_source, on_smaller=on_smaller
        )
        self._section = packager
        await packager.start(smaller)

    def _starts_at(self, reader: _Reader, section: Section) -> float:
        """Return the Unix time of a section's first frame, which is never before the end of the last one."""
        newest = self._folder.newest
        broadcast = self._folder.broadcast
        continuous = broadcast.starts_at(newest) + broadcast.seconds(newest) if newest else 0.0
        first, last = reader.first_tag, reader.last_tag
        assert first is not None
        assert last is not None
        recorded = (last.timestamp - first.timestamp & 0xFFFFFFFF) / 1000
        is_read_as_it_comes = reader.recording.position >= reader.path.stat().st_size - 65_536
        if reader.is_new and not is_read_as_it_comes:
            measured = recordings.started_at(reader.path)
        elif reader.is_new:
            measured = time.time() - (recorded if recorded < 30 else 0)
        else:
            measured = time.time() if is_read_as_it_comes else continuous
        is_paused = reader.is_new or measured - continuous > _PAUSE_SECONDS + 2
        return max(continuous, measured) if is_paused else continuous

    async def _finish_section(self, offset: int) -> None:
        if self._section is not None:
            await self._section.finish(offset)
            self._section = None

    async def _abort_section(self) -> None:
        section, self._section = self._section, None
        if section is not None:
            await section.abort()

    def _note_transcoder(self, error: Exception) -> None:
        """Go on without smaller renditions once they are too slow, or died too often."""
        now = time.monotonic()
        self._deaths.append(now)
        is_hopeless = len(self._deaths) == _TRANSCODER_DEATHS and now - self._deaths[0] < _WITHIN_SECONDS
        if not (isinstance(error, TranscoderTooSlow) or is_hopeless):
            logger.warning("smaller renditions of %s begin again: %s", self.public_id, error)
            return
        logger.warning("%s goes on without smaller renditions: %s", self.public_id, error)
        self._may_transcode = False
        if self._has_place:
            self._has_place = False
            self.transcoders.give_back()
        self.transcoders.dropped += 1

    # Stills

    async def _make_stills(self) -> None:
        last = None
        while True:
            await asyncio.sleep(0.5 if last is None else _STILL_EVERY_SECONDS)
            folder = getattr(self, "_folder", None)
            section = self._section
            if folder is None or section is None or not section.section.has_picture:
                continue
            rendition = next(reversed(folder.broadcast.smaller), SOURCE)
            segments = folder.broadcast.segments.get(rendition)
            if not segments or segments[-1] == last:
                continue
            segment = last = segments[-1]
            try:
                content = folder.read(init_name(segment.rendition, segment.section)) + folder.read(
                    segment.name
                )
                folder.write_still(await still_of(content))
            except (FfmpegFailed, OSError) as error:
                logger.warning("still of %s failed: %s", self.public_id, error)


def _picture_track(section: Section, finished: FinishedSegment) -> Track:
    config = section.video
    measured = len(finished.samples) / max(finished.seconds, 0.001)
    stated = config.frame_rate
    rate = stated if stated and abs(stated - measured) < 0.1 * measured else round(measured, 3)
    return Track(config.codec_string, finished.init.timescale, config.width, config.height, rate)


def _sound_track(section: Section, finished: FinishedSegment) -> Track:
    config, scale = section.audio, finished.init.timescale
    if config.needs_transcoding:
        return Track("mp4a.40.2", scale, sample_rate=scale, channels=min(2, config.channels))
    return Track(config.codec_string, scale, sample_rate=config.sample_rate, channels=config.channels)


def _usual_length(frame: Frame) -> int:
    """Return about how many ms a frame lasts."""
    return 33 if frame.kind == "video" else 23
