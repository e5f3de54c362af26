"""Frames as the encoder sent them, each with the configuration that it needs."""

from collections import Counter

from .codecs import AudioConfig, VideoConfig, audio_config_of, config_with_units, video_config_of
from .tags import Tag, is_sequence_header

_H264, _AAC, _MP3 = 7, 10, (2, 14)


class VideoFrame:
    """A picture before it has its place on the timeline."""

    __slots__ = ("config", "data", "dts", "has_jumped", "is_key", "offset")

    def __init__(self, config: VideoConfig, is_key: bool, data: bytes, offset: int) -> None:
        self.config, self.is_key, self.data, self.offset = config, is_key, data, offset
        self.dts, self.has_jumped = 0, False


class AudioFrame:
    """Sound before it has its place on the timeline."""

    __slots__ = ("config", "data", "dts", "has_jumped", "offset")

    def __init__(self, config: AudioConfig, data: bytes, offset: int) -> None:
        self.config, self.data, self.offset = config, data, offset
        self.dts, self.has_jumped = 0, False

    @property
    def milliseconds(self) -> float:
        """How long the frame sounds, as far as that is known."""
        config = self.config
        samples = config.frame_samples
        if not samples:
            bytes_a_sample = config.channels * (2 if config.codec == "pcm" and config.flv_format & 2 else 1)
            samples = (len(self.data) - 1) // (bytes_a_sample or 1)
        return samples * 1000 / config.sample_rate if config.sample_rate else 20


class Incoming:
    """Tells frames from configurations, and remembers the latter."""

    def __init__(self, problems: Counter[str]) -> None:
        self.video: VideoConfig | None = None  # announced most recently
        self.audio: AudioConfig | None = None
        self._problems = problems
        self._keyframe_video: VideoConfig | None = None  # that of the last keyframe, with its own SPS and PPS
        self._audio_head = b""

    def frame_of(self, tag: Tag) -> VideoFrame | AudioFrame | None:
        """Return a tag's frame; None for configurations, and for what can't be used."""
        if len(tag.payload) < 2:
            return None
        if tag.kind == "video":
            return self._video(tag)
        return self._audio(tag) if tag.kind == "audio" else None

    def _video(self, tag: Tag) -> VideoFrame | None:
        payload = tag.payload
        first = payload[0]
        if first & 0x8F != _H264:
            return self._unsupported_video(tag)
        if payload[1] != 1:
            if payload[1] == 0:
                self._announce_video(tag)
            return None
        if len(payload) <= 5 or first >> 4 == 5:
            return None
        if self.video is None:
            self._problems["frames_without_configuration"] += 1
            return None
        is_key = first >> 4 == 1
        if is_key:
            self._note_keyframe(payload)
        return VideoFrame(self._keyframe_video or self.video, is_key, payload, tag.offset)

    def _unsupported_video(self, tag: Tag) -> VideoFrame | None:
        config = video_config_of(tag)
        if config is not None and config != self.video:
            self.video = self._keyframe_video = config
        if self.video is None or not self.video.unsupported or is_sequence_header("video", tag.payload):
            return None
        return VideoFrame(self.video, True, b"", tag.offset)

    def _announce_video(self, tag: Tag) -> None:
        config = video_config_of(tag)
        if config is None:
            self._problems["unreadable_configuration"] += 1
        elif config != self.video:
            self.video = config
            self._keyframe_video = None

    def _note_keyframe(self, payload: bytes) -> None:
        assert self.video is not None
        # Almost always a keyframe has the configuration of the one before it.
        known = self._keyframe_video or self.video
        config = config_with_units(known, payload)
        if self._keyframe_video is None or config is not known:
            self._keyframe_video = config

    def _audio(self, tag: Tag) -> AudioFrame | None:
        payload = tag.payload
        if payload[0] >> 4 == _AAC:
            if payload[1] == 0:
                self._announce_audio(tag)
                return None
            if len(payload) == 2:
                return None
            if self.audio is None or self.audio.codec != "aac":
                self._problems["frames_without_configuration"] += 1
                return None
            return AudioFrame(self.audio, payload, tag.offset)
        head = payload[: 4 if payload[0] >> 4 in _MP3 else 1]
        if (
            head != self._audio_head
        ):  # formats without configurations: look only at frames that begin differently
            self._audio_head = head
            self._announce_audio(tag)
        if self.audio is None or self.audio.codec == "aac" or is_sequence_header("audio", payload):
            return None
        return AudioFrame(self.audio, payload, tag.offset)

    def _announce_audio(self, tag: Tag) -> None:
        config = audio_config_of(tag)
        if config is None:
            self._problems["unreadable_configuration"] += 1
        elif config != self.audio:
            self.audio = config
