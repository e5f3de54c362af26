"""Makes the segments of one section with an ffmpeg for the source, and one for smaller renditions."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from livestream.media.flv import writer
from livestream.media.flv.sections import Frame, Section
from livestream.media.packaging import playlists, renditions
from livestream.media.packaging.broadcast import SOUND, SOURCE
from livestream.media.packaging.fragments import Init, Sample
from livestream.media.packaging.process import FfmpegFailed, PipedFfmpeg
from livestream.media.packaging.renditions import Rendition

# Keyframes that follow each other faster don't begin a segment.
_SHORTEST_SEGMENT_MS = 450
_LONGEST_FIRST_SEGMENT_MS = 10_000
_END = 1 << 62  # later than any frame
_COPY_MEMORY_MB, _TRANSCODE_MEMORY_MB = 1024, 3072
# A transcoder that is this far behind for as long is too slow. A restarted one may catch up.
_TOO_SLOW_MS, _TOO_SLOW_SECONDS = 4000, 4.0
_LAST_SECONDS = 1.5
_WAITING_FOR_TRANSCODER_BYTES = 64 * 1024 * 1024


class TranscoderFailed(Exception):
    """The process that makes smaller renditions ended."""


class TranscoderTooSlow(Exception):
    """Smaller renditions fall behind the source."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where one segment ends and the next one begins, in ms."""

    decode: int
    presentation: int
    offset: int  # where reading must begin again to get what follows
    is_key: bool


@dataclass(slots=True)
class FinishedSegment:
    """What goes into a segment. `index` counts from the section's first segment."""

    rendition: str
    index: int
    init: Init
    samples: list[Sample]

    @property
    def seconds(self) -> float:
        return sum(sample.duration for sample in self.samples) / self.init.timescale


@dataclass(slots=True)
class _Track:
    index: int = 0
    init: Init | None = None
    samples: list[Sample] = field(default_factory=list)


# Takes the source's picture and sound, and where to go on after them.
OnSource = Callable[[FinishedSegment, FinishedSegment, Cut], None]
OnSmaller = Callable[[FinishedSegment], None]


class SectionPackager:
    """Feeds frames to ffmpeg, and cuts what comes back into segments: all tracks at the same places."""

    def __init__(
        self, section: Section, *, target_duration: int, on_source: OnSource, on_smaller: OnSmaller
    ) -> None:
        self.section = section
        self.target_duration = target_duration  # 0 until the broadcast's first segment is cut
        self._on_source, self._on_smaller = on_source, on_smaller
        self._tracks: dict[str, _Track] = defaultdict(_Track)
        self._cuts: list[Cut] = []
        self._finished: dict[str, list[FinishedSegment]] = {SOURCE: [], SOUND: []}
        self._stored = 0
        self._segment_start = section.start
        self._previous: Frame | None = None
        self._copier = PipedFfmpeg("copying ffmpeg", self._take)
        self._transcoder: PipedFfmpeg | None = None
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting_bytes = 0
        self._feeder: asyncio.Task[None] | None = None
        self._transcoded_until = 0
        self._too_slow_since = 0.0

    async def start(self, smaller: list[Rendition]) -> None:
        section = self.section
        sound = ["-c:a", "copy"]
        if section.audio.needs_transcoding:
            sound = [
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                "-ar",
                "44100",
                "-ac",
                str(min(2, section.audio.channels)),
            ]
        await self._copier.start(
            writer.FFMPEG_INPUT,
            [
                (
                    SOURCE,
                    ["-map", "0:v:0", "-c:v", "copy", "-copypriorss", "1", "-video_track_timescale", "90000"],
                ),
                (SOUND, ["-map", "0:a:0", *sound, "-copypriorss", "1"]),
            ],
            memory_mb=_COPY_MEMORY_MB,
        )
        header = writer.header(section)
        await self._copier.write(header)
        if smaller:
            self._transcoded_until = section.start
            self._transcoder = PipedFfmpeg("transcoding ffmpeg", self._take)
            filters = renditions.filters(smaller, section.video)
            made = renditions.outputs(smaller, section.video)
            first, *others = made
            await self._transcoder.start(
                ["-threads", "1", *writer.FFMPEG_INPUT],
                [(first[0], [*filters, *first[1]]), *others],
                memory_mb=_TRANSCODE_MEMORY_MB,
                niceness=10,
            )
            self._feeder = asyncio.create_task(self._feed_transcoder(self._transcoder))
            self._waiting.put_nowait(header)
            self._waiting_bytes += len(header)

    async def feed(self, frame: Frame) -> None:
        """Take the next frame; raises FfmpegFailed, TranscoderFailed, TranscoderTooSlow, OSError."""
        self.raise_if_failed()
        if frame.kind == "video":
            self._plan(frame)
        data = writer.tag_bytes(frame)
        if self._transcoder is not None:
            self._check_transcoder(frame)
            # With the sound, for which it would wait before it begins.
            self._waiting.put_nowait(data)
            self._waiting_bytes += len(data)
        await self._copier.write(data)

    def raise_if_failed(self) -> None:
        self._copier.raise_if_failed()
        if self._transcoder is not None and self._transcoder.error is not None:
            error = self._transcoder.error
            if isinstance(error, FfmpegFailed):
                raise TranscoderFailed(str(error))
            raise error

    async def finish(self, offset: int, *, end: int) -> None:
        """Store what is left, up to `end` in ms, after which reading goes on at `offset`.

        Raises what `feed` does.
        """
        self.raise_if_failed()
        await self._copier.finish()
        self._stretch(SOURCE, end)
        self._cut(Cut(_END, _END, offset, is_key=True))
        if self._transcoder is not None and self._feeder is not None:
            # Its last seconds are worth no waiting: the source's segments stand in for them.
            with contextlib.suppress(FfmpegFailed, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._waiting.join()
                    await self._transcoder.finish()
                for name in self._tracks.keys() - {SOURCE, SOUND}:
                    self._stretch(name, end)
                    self._advance(name, is_last=True)
            self._feeder.cancel()
            await self._transcoder.kill()

    async def abort(self) -> None:
        """End the processes at once."""
        if self._feeder is not None:
            self._feeder.cancel()
        await self._copier.kill()
        if self._transcoder is not None:
            await self._transcoder.kill()

    def _plan(self, frame: Frame) -> None:
        """Decide whether a segment ends before this picture: at a keyframe, or where it would be too long."""
        previous = self._previous
        self._previous = frame
        if previous is None:
            return
        length = frame.dts - self._segment_start
        longest = (
            playlists.longest_segment(self.target_duration)
            if self.target_duration
            else _LONGEST_FIRST_SEGMENT_MS
        )
        if length > longest and previous.dts > self._segment_start:
            # The last picture that fits was passed on already, but isn't in a stored segment.
            self._cut_before(previous)
            length = frame.dts - self._segment_start
        if frame.is_key and length >= _SHORTEST_SEGMENT_MS:
            self._cut_before(frame)

    def _cut_before(self, frame: Frame) -> None:
        if not self._cuts and not self.target_duration:
            self.target_duration = playlists.target_duration((frame.dts - self._segment_start) / 1000)
        self._segment_start = frame.dts
        self._cut(Cut(frame.dts, frame.pts, frame.offset, frame.is_key))

    def _cut(self, cut: Cut) -> None:
        self._cuts.append(cut)
        is_last = cut.decode == _END
        for rendition in list(self._tracks):
            if not is_last or rendition in (SOURCE, SOUND):
                self._advance(rendition, is_last=is_last)

    def _take(self, rendition: str, item: Init | Sample) -> None:
        track = self._tracks[rendition]
        if isinstance(item, Init):
            track.init = item
            return
        track.samples.append(item)
        if rendition not in (SOURCE, SOUND):
            assert track.init is not None
            self._transcoded_until = item.decode * 1000 // track.init.timescale
        self._advance(rendition)

    def _advance(self, rendition: str, *, is_last: bool = False) -> None:
        """Hand over the segments of a track that are complete."""
        track = self._tracks[rendition]
        if track.init is None:
            return
        scale = track.init.timescale
        while track.index < len(self._cuts) and track.samples:
            cut = self._cuts[track.index]
            # Smaller renditions have no pictures out of order, so they are decoded when they are shown.
            until = cut.decode if rendition in (SOURCE, SOUND) else cut.presentation
            last = track.samples[-1]
            if not is_last and (last.decode + last.duration) * 1000 < until * scale - scale // 2:
                return
            count = sum(1 for sample in track.samples if _milliseconds(sample, scale) < until)
            if count == 0:
                # Nothing of this track belongs here, which only a hole in it explains.
                count = 1
            self._hand_over(FinishedSegment(rendition, track.index, track.init, track.samples[:count]))
            del track.samples[:count]
            track.index += 1

    def _stretch(self, rendition: str, end: int) -> None:
        """Let the last picture last until the end, for which ffmpeg takes the length of the one before."""
        track = self._tracks[rendition]
        if track.init is not None and track.samples:
            last = track.samples[-1]
            duration = end * track.init.timescale // 1000 - last.decode
            if duration > 0:
                track.samples[-1] = replace(last, duration=duration)

    def _hand_over(self, finished: FinishedSegment) -> None:
        if finished.rendition not in self._finished:
            self._on_smaller(finished)
            return
        self._finished[finished.rendition].append(finished)
        while self._finished[SOURCE] and self._finished[SOUND]:
            picture, sound = self._finished[SOURCE].pop(0), self._finished[SOUND].pop(0)
            self._on_source(picture, sound, self._cuts[picture.index])

    def _check_transcoder(self, frame: Frame) -> None:
        is_behind = frame.dts - self._transcoded_until > _TOO_SLOW_MS
        if not is_behind:
            self._too_slow_since = 0.0
            return
        now = time.monotonic()
        self._too_slow_since = self._too_slow_since or now
        if (
            now - self._too_slow_since > _TOO_SLOW_SECONDS
            or self._waiting_bytes > _WAITING_FOR_TRANSCODER_BYTES
        ):
            raise TranscoderTooSlow(f"{frame.dts - self._transcoded_until} ms behind the source")

    async def _feed_transcoder(self, transcoder: PipedFfmpeg) -> None:
        with contextlib.suppress(FfmpegFailed):
            while True:
                data = await self._waiting.get()
                self._waiting_bytes -= len(data)
                try:
                    await transcoder.write(data)
                finally:
                    self._waiting.task_done()


def _milliseconds(sample: Sample, timescale: int) -> int:
    """Return when a sample is decoded, as the recording says it."""
    return (sample.decode * 2000 + timescale) // (2 * timescale)
