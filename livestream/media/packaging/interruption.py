"""What viewers get while an encoder sends nothing: its last picture and silence, in real time.

Without it the timeline would have a hole, in which some players stop for good.
"""

from livestream.media.flv.fillers import silence_of, standing_picture
from livestream.media.flv.sections import Frame, Section

_PICTURE_EVERY_MS = 1000


class Interruption:
    """Continues a section from the end of its last frames."""

    def __init__(
        self, section: Section, *, keyframe: Frame, picture_end: int, sound_end: int, offset: int
    ) -> None:
        """`offset`: where reading the recording goes on; all of it before that is in the section."""
        silence = silence_of(section.audio)
        self.can_fill = silence is not None
        self._silence = silence
        self._rate = section.audio.sample_rate
        self._picture = keyframe.data
        if not keyframe.is_filler:
            self._picture = standing_picture(keyframe.data, section.video.record)
        self._offset = offset
        self._next_picture = picture_end
        self._sound_start = sound_end
        self._silent_frames = 0

    def until(self, time: int) -> list[Frame]:
        """Return the frames before a time in ms that weren't returned yet, in order."""
        frames = []
        if self._silence is None:
            return []
        while self._next_picture < time:
            at = self._next_picture
            frames.append(Frame("video", at, at, True, self._picture, self._offset, True))
            self._next_picture += _PICTURE_EVERY_MS
        while (at := self._silence_at(self._silent_frames)) < time:
            frames.append(Frame("audio", at, at, True, self._silence.payload, self._offset, True))
            self._silent_frames += 1
        return sorted(frames, key=lambda frame: frame.dts)

    def _silence_at(self, number: int) -> int:
        assert self._silence is not None
        return self._sound_start + number * self._silence.samples * 1000 // self._rate
