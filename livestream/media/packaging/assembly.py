"""Gives the finished segments of a section their numbers, and stores them in the broadcast's folder."""

from collections.abc import Callable, Sequence

from livestream.media.flv.sections import Section
from livestream.media.packaging import playlists, renditions
from livestream.media.packaging.broadcast import SOURCE, Track
from livestream.media.packaging.renditions import Rendition
from livestream.media.packaging.section import Cut, FinishedSegment
from livestream.media.packaging.store import BroadcastFolder, NewSegment, Position


class Assembly:
    """One section in the folder."""

    def __init__(
        self,
        folder: BroadcastFolder,
        section: Section,
        *,
        smaller: Sequence[Rendition],
        recording: str,
        started_at: float,
        timeline: Callable[[], int],
        on_stored: Callable[[], None],
    ) -> None:
        self._folder, self._section, self._recording = folder, section, recording
        self._timeline, self._on_stored = timeline, on_stored
        self._smaller = {rendition.name: rendition for rendition in smaller}
        self._number = folder.begin_section(started_at=started_at)
        self._first = folder.next_number
        self._early: list[FinishedSegment] = []
        folder.fill_smaller()
        folder.expected = set(self._smaller)

    def store_source(self, picture: FinishedSegment, sound: FinishedSegment, cut: Cut) -> None:
        """Store a segment of the source; raises OSError."""
        broadcast = self._folder.broadcast
        broadcast.target_duration = broadcast.target_duration or playlists.target_duration(picture.seconds)
        self._folder.add_source(
            self._number,
            picture=NewSegment(_picture_track(self._section, picture), picture.init, picture.samples),
            sound=NewSegment(_sound_track(self._section, sound), sound.init, sound.samples),
            position=Position(self._recording, cut.offset, min(cut.decode, self._timeline())),
        )
        if not self._smaller:
            self._folder.fill_smaller()
        while self._early and self._first + self._early[0].index < self._folder.next_number:
            self.store_smaller(self._early.pop(0))
        self._on_stored()

    def store_smaller(self, finished: FinishedSegment) -> None:
        """Store a segment of a smaller rendition, not before the source's; raises OSError."""
        number = self._first + finished.index
        if number >= self._folder.next_number:
            self._early.append(finished)  # the source's sound isn't complete
            return
        width, height = renditions.size_of(self._smaller[finished.rendition], self._section.video)
        source = self._folder.broadcast.sections[self._number].tracks[SOURCE]
        init = finished.init
        track = Track(init.codec_string, init.timescale, width, height, source.frame_rate)
        new = NewSegment(track, init, finished.samples)
        self._folder.add_smaller(finished.rendition, self._number, number, new)
        self._on_stored()


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
