"""One MP4 of all sections of a stream's recordings: what is alike is copied, what differs is encoded again.

All of the replay has one format, that of which there is most. A picture of another size is scaled and gets
black bars, sound of another rate is resampled. The pictures that are encoded again have SPS and PPS with ids
of their own, so that they and the copied ones can be in one track.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from livestream.media import ffmpeg
from livestream.media.flv import h264
from livestream.media.flv.bits import BitReader
from livestream.media.flv.codecs import AudioConfig, VideoConfig, video_config_of
from livestream.media.flv.fillers import SILENT_AUDIO
from livestream.media.flv.sections import Frame, Section
from livestream.media.flv.tags import GrowingRecording
from livestream.media.flv.writer import header, tag_bytes
from livestream.media.replay_sections import Piece, sections_of

_AAC_LC = "mp4a.40.2"
_AAC_FRAME = 1024
_RATE_INDEX = {48000: 3, 44100: 4, 32000: 5, 24000: 6, 22050: 7, 16000: 8}
_ENCODED_PIECES_MAX = 500
_PARAMETER_SET_IDS = range(31, -1, -1)  # of SPS; those of cameras are small


@dataclass(frozen=True)
class _Formats:
    """What the replay is made in."""

    video: VideoConfig
    audio: AudioConfig

    copies_nothing: bool = False

    def copies_video(self, section: Section) -> bool:
        return not self.copies_nothing and _parameter_sets(section.video) == _parameter_sets(self.video)

    def copies_audio(self, section: Section) -> bool:
        return not self.copies_nothing and section.audio == self.audio


@dataclass(frozen=True)
class _Encoded:
    """The files of a piece of which something was encoded again; None for what is copied."""

    video: Path | None
    audio: Path | None


def join(pieces: Sequence[Piece], target: Path, *, encodes_all: bool = False) -> None:
    """Make one MP4 of sections; temporary files are left in its folder. Raises FfmpegError, OSError.

    With `encodes_all` nothing is copied, so that what the encoder damaged is in no frame.
    """
    audio = _audio_target(pieces)
    if encodes_all and audio.codec_string != _AAC_LC:
        audio = _aac_lc(audio)
    formats = _Formats(_video_target(pieces), audio, encodes_all)
    encoder = _Encoder(formats, target.parent)
    if all(formats.copies_video(piece.section) and formats.copies_audio(piece.section) for piece in pieces):
        encoded = [_Encoded(None, None)] * len(pieces)
    else:
        encoded = [encoder.encode(piece, frames) for piece, frames in _frames_of(pieces)]
    formats = replace(formats, video=encoder.video)
    ffmpeg.mux(_joined(pieces, encoded, formats), target, seconds=_seconds(pieces))
    _check(target, pieces)


def _check(video: Path, pieces: Sequence[Piece]) -> None:
    """Raise FfmpegError unless a video has picture and sound throughout."""
    expected = _seconds(pieces)
    lengths = ffmpeg.track_lengths(video)
    for kind in ("video", "audio"):
        if abs(lengths.get(kind, 0.0) - expected) > 1:
            raise ffmpeg.FfmpegError(
                f"{video.name}: {lengths.get(kind, 0.0):.1f} s of {kind} instead of {expected:.1f}"
            )


def _seconds(pieces: Sequence[Piece]) -> float:
    return sum(piece.milliseconds for piece in pieces) / 1000


def _video_target(pieces: Sequence[Piece]) -> VideoConfig:
    """Return the format of which there is most; a black picture counts only if there is no other."""
    with_picture = [piece for piece in pieces if piece.section.has_picture] or pieces
    lengths: Counter[h264.AvcRecord] = Counter()
    for piece in with_picture:
        lengths[_parameter_sets(piece.section.video)] += piece.milliseconds
    [(longest, _)] = lengths.most_common(1)
    return next(p.section.video for p in with_picture if _parameter_sets(p.section.video) == longest)


def _audio_target(pieces: Sequence[Piece]) -> AudioConfig:
    """Return the format of which there is most, or the AAC-LC nearest to it if that can't be encoded."""
    lengths: Counter[AudioConfig] = Counter()
    for piece in pieces:
        lengths[piece.section.audio] += piece.milliseconds if piece.section.has_sound else 1
    by_length = [audio for audio, _ in lengths.most_common()]
    longest = by_length[0]
    if len(by_length) == 1 and not longest.needs_transcoding:
        return longest
    for audio in by_length:
        if audio.codec_string == _AAC_LC and not audio.needs_transcoding and audio != SILENT_AUDIO:
            return audio
    return _aac_lc(longest)


def _aac_lc(audio: AudioConfig) -> AudioConfig:
    """Return the AAC-LC nearest to a format."""
    rate = audio.sample_rate if audio.sample_rate in _RATE_INDEX else 44100
    channels = min(2, max(1, audio.channels))
    return AudioConfig(
        "aac", _AAC_LC, rate, channels, _aac_lc_configuration(rate, channels), frame_samples=_AAC_FRAME
    )


def _aac_lc_configuration(sample_rate: int, channels: int) -> bytes:
    """Return an AudioSpecificConfig (ISO 14496-3 1.6.2.1)."""
    return (2 << 11 | _RATE_INDEX[sample_rate] << 7 | channels << 3).to_bytes(2, "big")


def _parameter_sets(video: VideoConfig) -> h264.AvcRecord:
    parsed = h264.parse_record(video.record)
    if parsed is None:
        raise ffmpeg.FfmpegError("a section has no SPS and PPS")
    return parsed


def _frames_of(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Iterator[Frame]]]:
    """Yield each piece with its frames, whose times begin at 0; each recording is read once."""
    wanted = {(piece.recording, piece.section.number): piece for piece in pieces}
    for path in dict.fromkeys(piece.recording for piece in pieces):
        for section, frames in sections_of(path):
            if piece := wanted.get((path, section.number)):
                yield piece, _within(piece, frames)


def _within(piece: Piece, frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yield the frames of a piece, moved to its beginning."""
    start = piece.section.start + piece.begin
    for frame in frames:
        if start <= frame.dts < start + piece.milliseconds:
            yield frame._replace(dts=frame.dts - start, pts=frame.pts - start)


class _Encoder:
    """Encodes again what differs from the formats, and gathers the SPS and PPS of all video."""

    def __init__(self, formats: _Formats, folder: Path) -> None:
        self._formats, self._folder = formats, folder
        self._sets = _parameter_sets(formats.video)
        used = _set_ids(self._sets)
        self._free_ids = [number for number in _PARAMETER_SET_IDS if number not in used]
        self._ids: dict[h264.AvcRecord, int] = {}  # by the format that was encoded again
        self._count = 0

    @property
    def video(self) -> VideoConfig:
        """The video's format with all SPS and PPS."""
        record = bytearray(h264.build_record(self._sets))
        record[3] = max(unit[3] for unit in self._sets.sps)  # the highest level
        return replace(self._formats.video, record=bytes(record))

    def encode(self, piece: Piece, frames: Iterator[Frame]) -> _Encoded:
        section = piece.section
        needs_video = not self._formats.copies_video(section)
        needs_audio = not self._formats.copies_audio(section)
        if not needs_video and not needs_audio:
            return _Encoded(None, None)
        self._count += 1
        if self._count > _ENCODED_PIECES_MAX:
            raise ffmpeg.FfmpegError("the encoder changed its format too often")
        encoded = _Encoded(
            self._folder / f"piece-{self._count}.flv" if needs_video else None,
            self._folder / f"piece-{self._count}.aac" if needs_audio else None,
        )
        source = _parameter_sets(section.video)
        if needs_video and source not in self._ids:
            if not self._free_ids:
                raise ffmpeg.FfmpegError("the stream has too many formats of video")
            self._ids[source] = self._free_ids.pop(0)
        video, audio = self._formats.video, self._formats.audio
        ffmpeg.encode(
            _flv(replace(section, start=0), frames),
            video=ffmpeg.VideoTarget(
                encoded.video, video.width, video.height, _profile(video), self._ids.get(source, 0)
            )
            if encoded.video
            else None,
            audio=ffmpeg.AudioTarget(encoded.audio, audio.sample_rate, audio.channels)
            if encoded.audio
            else None,
            seconds=piece.milliseconds / 1000,
        )
        if encoded.video:
            self._add_sets(encoded.video)
        return encoded

    def _add_sets(self, path: Path) -> None:
        """Add the SPS and PPS of an encoded piece. Pieces with the same ids must have the same ones."""
        with GrowingRecording(path) as recording:
            configs = (video_config_of(tag) for tag in recording.read())
            config = next((config for config in configs if config), None)
        if config is None:
            raise ffmpeg.FfmpegError(f"{path.name}: no SPS and PPS")
        new = _parameter_sets(config)
        if new.length_size != self._sets.length_size:
            raise ffmpeg.FfmpegError(f"{path.name}: lengths of NAL units differ")
        sps = tuple(dict.fromkeys(self._sets.sps + new.sps))
        pps = tuple(dict.fromkeys(self._sets.pps + new.pps))
        if len(sps) != len({_sps_id(unit) for unit in sps}) or len(pps) != len(
            {_pps_id(unit) for unit in pps}
        ):
            raise ffmpeg.FfmpegError(f"{path.name}: SPS or PPS differ from those of another piece")
        self._sets = self._sets._replace(sps=sps, pps=pps)


def _joined(pieces: Sequence[Piece], encoded: Sequence[_Encoded], formats: _Formats) -> Iterator[bytes]:
    """Yield the whole replay as FLV."""
    yield header(replace(pieces[0].section, start=0, video=formats.video, audio=formats.audio))
    for (piece, frames), files in zip(_frames_of(pieces), encoded, strict=True):
        if files.video is None and files.audio is None:
            merged = frames
        else:
            sources: list[Iterator[Frame]] = []
            if not (files.video and files.audio):
                copied = "audio" if files.video else "video"
                sources.append(frame for frame in frames if frame.kind == copied)
            if files.video:
                sources.append(_encoded_pictures(files.video, piece.milliseconds))
            if files.audio:
                sources.append(_encoded_sound(files.audio, piece.milliseconds, formats.audio))
            merged = heapq.merge(*sources, key=lambda frame: frame.dts)
        for frame in merged:
            yield tag_bytes(frame._replace(dts=frame.dts + piece.position))


def _flv(section: Section, frames: Iterator[Frame]) -> Iterator[bytes]:
    yield header(section)
    for frame in frames:
        yield tag_bytes(frame)


def _encoded_pictures(path: Path, milliseconds: int) -> Iterator[Frame]:
    with GrowingRecording(path) as recording:
        while tags := recording.read():
            for tag in tags:
                is_picture = tag.kind == "video" and tag.payload[1:2] == b"\1"
                if is_picture and tag.timestamp < milliseconds:
                    is_key = tag.payload[0] >> 4 == 1
                    yield Frame("video", tag.timestamp, tag.timestamp, is_key, tag.payload, 0, False)


def _encoded_sound(path: Path, milliseconds: int, audio: AudioConfig) -> Iterator[Frame]:
    """Yield the frames of an ADTS file, whose times are counted in samples so that they don't drift.

    The first one only prepares decoders for the second.
    """
    with path.open("rb") as file:
        number = -1
        while len(head := file.read(7)) == 7:
            size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
            frame = file.read(size - 7)[0 if head[1] & 1 else 2 :]  # without the check sum, if there is one
            at = round(number * _AAC_FRAME * 1000 / audio.sample_rate)
            if number >= 0 and at + 10 < milliseconds:
                yield Frame("audio", at, at, False, b"\xaf\1" + frame, 0, False)
            number += 1


def _profile(video: VideoConfig) -> str:
    return {0x42: "baseline", 0x4D: "main"}.get(video.record[1], "high")


def _set_ids(sets: h264.AvcRecord) -> set[int]:
    return {_sps_id(unit) for unit in sets.sps} | {_pps_id(unit) for unit in sets.pps}


def _sps_id(unit: bytes) -> int:
    return BitReader(unit[4:12]).read_unsigned()


def _pps_id(unit: bytes) -> int:
    return BitReader(unit[1:9]).read_unsigned()
