"""What an encoder sends: measured from the messages of its recording, and judged for its seller."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from livestream.media.flv.incoming import Incoming, VideoFrame
from livestream.media.flv.tags import Tag

_WINDOW = 5.0  # seconds of which bit rates and frame rates are measured
_MISSING_AFTER = 3.0  # seconds without one kind of media while the other arrives
_KEYFRAME_DISTANCE_MAX = 3.0  # seconds; viewers are two to three of these behind
_LAG_MAX = 2.0  # seconds by which media arrives later than the earliest did
_JUMP_BACK, _JUMP_FORWARD = 1000, 2000  # ms, as in `flv.repair`
_JUMP_REMEMBERED = 60.0
_WARNED_AFTER = 3.0  # seconds after the start, when what comes first may still be missing


class HealthWarning(StrEnum):
    """What a viewer would complain about."""

    NO_PICTURE = "no_picture"
    NO_SOUND = "no_sound"
    NO_MEDIA = "no_media"
    KEYFRAMES_TOO_FAR = "keyframes_too_far"
    UNSUPPORTED_CODEC = "unsupported_codec"
    CLOCK_JUMPED = "clock_jumped"
    TOO_FAST_FOR_CONNECTION = "too_fast_for_connection"
    STORAGE_FULL = "storage_full"


class VideoHealth(NamedTuple):
    codec: str
    width: int
    height: int
    frame_rate: float
    bitrate: int
    keyframe_distance: float | None
    """Seconds between the last two keyframes, or since the last one if that is longer."""


class AudioHealth(NamedTuple):
    codec: str
    sample_rate: int
    channels: int
    bitrate: int


class Health(NamedTuple):
    """One measurement; bit rates in bits a second, times as Unix time in seconds."""

    video: VideoHealth | None
    audio: AudioHealth | None
    dropped_frames: int
    last_media_at: float | None
    warnings: tuple[HealthWarning, ...]


@dataclass(slots=True)
class _Track:
    """The messages of one kind in the last seconds, as (time of arrival, timestamp in ms, bytes)."""

    recent: deque[tuple[float, int, int]] = field(default_factory=deque)
    last_timestamp: int | None = None
    last_at: float | None = None

    def add(self, tag: Tag, at: float) -> None:
        self.recent.append((at, tag.timestamp, len(tag.payload)))
        self.last_timestamp, self.last_at = tag.timestamp, at
        while self.recent and self.recent[0][0] < at - _WINDOW:
            self.recent.popleft()

    def rates(self, now: float) -> tuple[float, int]:
        """Return messages and bits a second of media; 0 if none arrived lately."""
        messages = [message for message in self.recent if message[0] >= now - _WINDOW]
        if len(messages) < 2:
            return 0.0, 0
        seconds = (messages[-1][1] - messages[0][1]) / 1000
        if seconds <= 0:
            return 0.0, 0
        size = sum(message[2] for message in messages[:-1])
        return (len(messages) - 1) / seconds, round(size * 8 / seconds)


class HealthMeter:
    """Measures one encoder's connection. `feed` takes each message once; `measure` may be called any time."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._tracks = {"audio": _Track(), "video": _Track()}
        self._incoming = Incoming(Counter())
        self._keyframe_timestamps: deque[int] = deque(maxlen=2)
        self._intervals: deque[int] = deque(maxlen=90)
        self._dropped_frames = 0
        self._jumped_at: float | None = None
        self._earliest_delay: float | None = None
        self._delay = 0.0

    def feed(self, tag: Tag, received_at: float) -> None:
        """Count one message; `received_at` is Unix time in seconds."""
        frame = self._incoming.frame_of(tag)
        if frame is None:
            return
        track = self._tracks[tag.kind]
        jumped = self._note_jump(tag, track, received_at)
        # The media server records 0 for what comes after a clock went back behind its beginning.
        has_time = tag.timestamp != track.last_timestamp
        if isinstance(frame, VideoFrame):
            self._count_frame(tag, track, is_key=frame.is_key, jumped=jumped)
        track.add(tag, received_at)
        if not has_time:
            return
        delay = received_at - tag.timestamp / 1000
        if jumped or self._earliest_delay is None:
            self._earliest_delay = delay
        self._earliest_delay = min(self._earliest_delay, delay)
        self._delay = delay

    def measure(self, now: float, *, extra_warnings: Iterable[HealthWarning] = ()) -> Health:
        """Return the state at `now` (Unix time in seconds)."""
        return Health(
            video=self._video_health(now),
            audio=self._audio_health(now),
            dropped_frames=self._dropped_frames,
            last_media_at=self._last_media_at(),
            warnings=(*self._warnings(now), *extra_warnings),
        )

    def _note_jump(self, tag: Tag, track: _Track, at: float) -> bool:
        """Remember a jump of the encoder's clock; a pause of as many seconds is none."""
        if track.last_timestamp is None or track.last_at is None:
            return False
        step = tag.timestamp - track.last_timestamp
        jumped = step < -_JUMP_BACK or (step > _JUMP_FORWARD and step / 1000 > 2 * (at - track.last_at) + 1)
        if jumped:
            self._jumped_at = at
            for each in self._tracks.values():
                each.recent.clear()
            self._keyframe_timestamps.clear()
            self._intervals.clear()
        return jumped

    def _count_frame(self, tag: Tag, track: _Track, *, is_key: bool, jumped: bool) -> None:
        if track.last_timestamp is not None and tag.timestamp - track.last_timestamp > _JUMP_FORWARD:
            self._keyframe_timestamps.clear()  # a pause doesn't tell how far apart they are
        if is_key:
            self._keyframe_timestamps.append(tag.timestamp)
        if track.last_timestamp is None or jumped:
            return
        interval = tag.timestamp - track.last_timestamp
        if len(self._intervals) >= 30:
            usual = median(self._intervals)
            # Only an encoder with a constant rate has a frame to miss.
            is_constant = max(self._intervals) <= 1.5 * usual + 2
            if is_constant and interval > 1.8 * usual:
                self._dropped_frames += round(interval / usual) - 1
                return
        self._intervals.append(interval)

    def _video_health(self, now: float) -> VideoHealth | None:
        config = self._incoming.video
        if config is None:
            return None
        frame_rate, bitrate = self._tracks["video"].rates(now)
        return VideoHealth(
            config.codec,
            config.width,
            config.height,
            round(frame_rate, 1),
            bitrate,
            self._keyframe_distance(),
        )

    def _audio_health(self, now: float) -> AudioHealth | None:
        config = self._incoming.audio
        if config is None:
            return None
        _, bitrate = self._tracks["audio"].rates(now)
        return AudioHealth(config.codec, config.sample_rate, config.channels, bitrate)

    def _keyframe_distance(self) -> float | None:
        last = self._tracks["video"].last_timestamp
        if not self._keyframe_timestamps or last is None:
            return None
        since_last = last - self._keyframe_timestamps[-1]
        between = self._keyframe_timestamps[-1] - self._keyframe_timestamps[0]
        return max(since_last, between) / 1000

    def _last_media_at(self) -> float | None:
        times = [track.last_at for track in self._tracks.values() if track.last_at is not None]
        return max(times, default=None)

    def _warnings(self, now: float) -> list[HealthWarning]:
        found = []
        configs = (self._incoming.video, self._incoming.audio)
        if any(config and config.unsupported for config in configs):
            found.append(HealthWarning.UNSUPPORTED_CODEC)
        last_media = self._last_media_at()
        if now - (last_media or self._started_at) > _MISSING_AFTER:
            found.append(HealthWarning.NO_MEDIA)
        elif now - self._started_at > _WARNED_AFTER:
            found += [
                warning
                for kind, warning in (("video", HealthWarning.NO_PICTURE), ("audio", HealthWarning.NO_SOUND))
                if (last_media or now) - (self._tracks[kind].last_at or self._started_at) > _MISSING_AFTER
            ]
        if (self._keyframe_distance() or 0) > _KEYFRAME_DISTANCE_MAX:
            found.append(HealthWarning.KEYFRAMES_TOO_FAR)
        if self._jumped_at is not None and now - self._jumped_at < _JUMP_REMEMBERED:
            found.append(HealthWarning.CLOCK_JUMPED)
        if self._earliest_delay is not None and self._delay - self._earliest_delay > _LAG_MAX:
            found.append(HealthWarning.TOO_FAST_FOR_CONNECTION)
        return found
