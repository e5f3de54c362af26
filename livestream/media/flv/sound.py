"""The sound of one section after another, without holes."""

from .codecs import AudioConfig
from .fillers import silence_of
from .incoming import AudioFrame
from .sections import Frame, Output

_OVERLAP_MS = 12  # half a frame


class SoundTrack:
    """Writes sound, and silence where there is none."""

    def __init__(self, out: Output) -> None:
        self.end = 0  # ms: sound or silence has been written until then
        self.can_fill = False
        self._out = out
        self._last = -1
        self._offset = 0
        self._silence_start = self._silent_frames = 0

    def begin_section(self, config: AudioConfig, start: int, offset: int) -> None:
        self._silence = silence_of(config)
        self.can_fill = self._silence is not None
        self._sample_rate = config.sample_rate
        self._offset = offset
        self._end_at(max(self.end, start))
        self._last = max(self._last, start - 1)

    def write(self, frame: AudioFrame) -> int:
        """Write a frame of the encoder's; return when it begins."""
        dts = max(frame.dts, self._last + 1)
        self._last = dts
        self._end_at(dts + int(frame.milliseconds))
        self._out.append(Frame("audio", dts, dts, True, frame.data, frame.offset, False))
        return dts

    def fill(self, until: int) -> None:
        """Write silence up to a time, in whole frames."""
        silence, rate = self._silence, self._sample_rate
        if silence is None or until <= self.end:
            return
        count = (until - self._silence_start) * rate // (silence.samples * 1000)
        for index in range(self._silent_frames, count):
            dts = max(self._silence_start + index * silence.samples * 1000 // rate, self._last + 1)
            self._last = dts
            self._out.append(Frame("audio", dts, dts, True, silence.payload, self._offset, True))
        self._silent_frames = max(self._silent_frames, count)
        self.end = self._silence_start + self._silent_frames * silence.samples * 1000 // rate

    def silence_overlaps(self, frame: AudioFrame) -> bool:
        """Return whether silence has been written already where a frame belongs."""
        return self._silent_frames > 0 and frame.dts < self.end - _OVERLAP_MS

    def _end_at(self, milliseconds: int) -> None:
        self.end = self._silence_start = milliseconds
        self._silent_frames = 0
