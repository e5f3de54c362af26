"""What a tag says about the codecs of its video and sound, and whether browsers can play them."""

from dataclasses import dataclass, field

from . import h264
from .aac import parse_aac_configuration
from .tags import Tag

_ENHANCED_VIDEO = {
    b"hvc1": "hevc",
    b"av01": "av1",
    b"vp09": "vp9",
    b"vp08": "vp8",
    b"vvc1": "vvc",
    b"avc1": "h264 (enhanced)",
}
_ENHANCED_SOUND = {
    b"Opus": "opus",
    b"fLaC": "flac",
    b"ac-3": "ac3",
    b"ec-3": "eac3",
    b".mp3": "mp3 (enhanced)",
    b"mp4a": "aac (enhanced)",
}
_VIDEO = {
    2: "sorenson-h263",
    3: "screen-video",
    4: "vp6",
    5: "vp6-alpha",
    6: "screen-video-2",
    8: "h263",
    9: "mpeg4",
    12: "hevc",
    13: "av1",
    14: "vvc",
}
_SOUND = {
    0: "pcm",
    1: "adpcm",
    2: "mp3",
    3: "pcm",
    4: "nellymoser",
    5: "nellymoser",
    6: "nellymoser",
    7: "alaw",
    8: "mulaw",
    11: "speex",
    14: "mp3",
}
_FLV_RATES = (5512, 11025, 22050, 44100)
_H264, _AAC = 7, 10
_ENHANCED_SOUND_FORMAT = 9


@dataclass(frozen=True)
class VideoConfig:
    """How video is coded. `unsupported` says why browsers can't play it; then width and height may be 0."""

    codec: str
    codec_string: str = ""  # for CODECS in playlists: "avc1.64001f"
    width: int = 0
    height: int = 0
    frame_rate: float | None = None
    record: bytes = b""  # AVCDecoderConfigurationRecord
    unsupported: str = ""


@dataclass(frozen=True)
class AudioConfig:
    """How sound is coded. `needs_transcoding`: browsers need AAC instead, which ffmpeg can make of it."""

    codec: str
    codec_string: str = ""  # for CODECS in playlists: "mp4a.40.2"
    sample_rate: int = 0  # of what is heard: twice the coded one for HE-AAC
    channels: int = 0
    record: bytes = field(default=b"", compare=False)  # AudioSpecificConfig
    needs_transcoding: bool = False
    unsupported: str = ""
    frame_samples: int = 0  # samples of one frame at the sample rate; 0 if it varies
    flv_format: int = field(default=0xAF, compare=False)  # the first byte of its tags


def video_config_of(tag: Tag) -> VideoConfig | None:
    """Return the configuration that a tag announces; None if it announces none or an unreadable one.

    Codecs without configurations of their own are announced by each of their frames.
    """
    payload = tag.payload
    if tag.kind != "video" or not payload:
        return None
    first = payload[0]
    if first & 0x80:
        codec = _ENHANCED_VIDEO.get(payload[1:5])
        return _unsupported_video(codec) if codec else None
    if first & 15 == _H264:
        return h264_config(payload[5:]) if payload[1:2] == b"\0" else None
    if first >> 4 == 5:  # a message to the player instead of a frame
        return None
    return _unsupported_video(_VIDEO.get(first & 15, f"codec {first & 15}"))


def audio_config_of(tag: Tag) -> AudioConfig | None:
    """Return the configuration that a tag announces; None if it announces none or an unreadable one.

    Codecs without configurations of their own are announced by each of their frames.
    """
    payload = tag.payload
    if tag.kind != "audio" or len(payload) < 2:
        return None
    sound_format = payload[0] >> 4
    if sound_format == _AAC:
        return _aac_config(payload) if payload[1] == 0 else None
    if sound_format == _ENHANCED_SOUND_FORMAT:
        codec = _ENHANCED_SOUND.get(payload[1:5])
        return AudioConfig(codec, unsupported=f"sound as {codec}") if codec else None
    if sound_format == 2 or sound_format == 14:
        return _mp3_config(payload)
    codec = _SOUND.get(sound_format)
    if codec is None:
        return AudioConfig(f"sound {sound_format}", unsupported=f"sound in FLV's format {sound_format}")
    rate, channels = _FLV_RATES[payload[0] >> 2 & 3], 1 + (payload[0] & 1)
    if codec in ("alaw", "mulaw"):
        rate = 8000
    elif codec in ("speex", "nellymoser"):
        rate, channels = (16000 if codec == "speex" or sound_format == 4 else rate), 1
        rate = 8000 if sound_format == 5 else rate
    return AudioConfig(
        codec, sample_rate=rate, channels=channels, needs_transcoding=True, flv_format=payload[0]
    )


def h264_config(record: bytes) -> VideoConfig | None:
    """Return the configuration in an AVCDecoderConfigurationRecord; None if it can't be read."""
    parsed = h264.parse_record(record)
    facts = h264.facts_of_sps(parsed.sps[0]) if parsed else None
    if parsed is None or facts is None:
        return None
    profile = parsed.sps[0][1:4].hex()
    return VideoConfig(
        "h264", f"avc1.{profile}", facts.width, facts.height, facts.frame_rate, record, facts.unsupported
    )


def config_with_units(config: VideoConfig, data: bytes) -> VideoConfig:
    """Return the configuration of a keyframe (as FLV payload), which may bring its own SPS and PPS."""
    parsed = h264.parse_record(config.record)
    if parsed is None:
        return config
    sps, pps = [], []
    for kind, start, end in h264.units_of(data, 5, parsed.length_size):
        if kind == h264.SPS and end - start >= 4:
            sps.append(data[start:end])
        elif kind == h264.PPS:
            pps.append(data[start:end])
    if set(sps) <= set(parsed.sps) and set(pps) <= set(parsed.pps):
        return config
    changed = parsed._replace(sps=tuple(sps) or parsed.sps, pps=tuple(pps) or parsed.pps)
    return h264_config(h264.build_record(changed)) or config


def _unsupported_video(codec: str) -> VideoConfig:
    return VideoConfig(codec, unsupported=f"video as {codec}")


def _aac_config(payload: bytes) -> AudioConfig | None:
    found = parse_aac_configuration(payload[2:])
    if found is None:
        return None
    return AudioConfig(
        "aac",
        f"mp4a.40.{found.object_type}",
        found.sample_rate,
        found.channels,
        payload[2:],
        needs_transcoding=not found.is_common,
        frame_samples=found.frame_samples,
        flv_format=payload[0],
    )


def _mp3_config(payload: bytes) -> AudioConfig:
    """Return the configuration in an MP3 frame's header: FLV can't name 48 kHz, the frame does."""
    head = int.from_bytes(payload[1:5], "big")
    rate, channels, samples = _FLV_RATES[payload[0] >> 2 & 3], 1 + (payload[0] & 1), 1152
    version, rate_index = head >> 19 & 3, head >> 10 & 3
    if head >> 21 == 0x7FF and version != 1 and rate_index != 3 and head >> 17 & 3 == 1:
        rate = (44100, 48000, 32000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
        channels = 1 if head >> 6 & 3 == 3 else 2
        samples = 1152 if version == 3 else 576
    return AudioConfig(
        "mp3",
        "mp4a.40.34",
        rate,
        channels,
        needs_transcoding=True,
        frame_samples=samples,
        flv_format=payload[0],
    )
