"""What stands in for a missing track: silence, a black picture, the last keyframe once more."""

import base64
import zlib
from typing import NamedTuple

from . import h264
from .aac import parse_aac_configuration, silent_frame
from .codecs import AudioConfig, VideoConfig, h264_config

# One black picture of 640 by 360, made by:
#   ffmpeg -f lavfi -i color=black:s=640x360:r=1 -frames:v 1 -c:v libx264 -profile:v baseline -level 3.0 \
#     -preset veryslow -qp 30 -pix_fmt yuv420p -x264-params keyint=1:scenecut=0:cabac=0 \
#     -bsf:v filter_units=remove_types=6 -f flv black.flv
_BLACK_RECORD = bytes.fromhex(
    "0142c01effe100186742c01edc0a02ff97011000000300100000030020f162f801000568ce044b20"
)
_BLACK_FRAME = zlib.decompress(base64.b64decode("eNpjYGDandrRYq+mwcCRf7/2O2709Xps6SgaRYMJVQAA/YqHvQ=="))

_black_config = h264_config(_BLACK_RECORD)
assert _black_config is not None
BLACK_VIDEO: VideoConfig = _black_config
BLACK_PICTURE = b"\x17\x01\0\0\0" + _BLACK_FRAME

_SILENT_RECORD = bytes.fromhex("1210")  # AAC-LC, 44.1 kHz, stereo
SILENT_AUDIO = AudioConfig("aac", "mp4a.40.2", 44100, 2, _SILENT_RECORD, frame_samples=1024)

_MP3_BITRATE = 64  # kbit/s, in every version of MP3
_MP3_BITRATE_INDEX = {True: 5, False: 8}  # by whether it is MPEG-1
_MP3_RATE_INDEX = {44100: 0, 22050: 0, 11025: 0, 48000: 1, 24000: 1, 12000: 1, 32000: 2, 16000: 2, 8000: 2}
_FRAME_SECONDS = 50  # frames a second, of formats without frames
_BYTES_OF_SILENCE = {"alaw": 0xD5, "mulaw": 0xFF}


class Silence(NamedTuple):
    """One silent frame as FLV payload, and how many samples it lasts."""

    payload: bytes
    samples: int


def silence_of(config: AudioConfig) -> Silence | None:
    """Return a silent frame of a format; None if the format has none that we can make.

    HE-AAC gets a frame of its AAC-LC part: decoders make the missing high frequencies silent.
    """
    head = bytes([config.flv_format])
    if config.codec == "aac":
        parsed = parse_aac_configuration(config.record)
        frame = silent_frame(parsed.channel_configuration) if parsed else None
        return Silence(head + b"\x01" + frame, config.frame_samples) if frame else None
    if config.codec == "mp3":
        return Silence(head + _silent_mp3(config), config.frame_samples)
    samples = config.sample_rate // _FRAME_SECONDS
    if config.codec == "pcm":
        is_wide = config.flv_format & 2
        sample = b"\0\0" if is_wide else b"\x80"
        return Silence(head + sample * (samples * config.channels), samples)
    if config.codec in _BYTES_OF_SILENCE:
        return Silence(head + bytes([_BYTES_OF_SILENCE[config.codec]]) * (samples * config.channels), samples)
    return None


def standing_picture(payload: bytes, record: bytes) -> bytes:
    """Return a keyframe to be shown once more.

    Two IDR pictures that follow each other should differ; a delimiter before the second tells decoders that
    it is another picture.
    """
    parsed = h264.parse_record(record)
    if parsed is None:
        return payload
    units = h264.units_of(payload, 5, parsed.length_size, limit=1)
    if units and units[0][0] == h264.DELIMITER:
        head = b""
    else:
        head = (2).to_bytes(parsed.length_size, "big") + b"\x09\xf0"
    return payload[:2] + b"\0\0\0" + head + payload[5:]


def _silent_mp3(config: AudioConfig) -> bytes:
    """Return an MP3 frame whose side information names no data at all."""
    is_first_version = config.sample_rate >= 32000
    rate_index = _MP3_RATE_INDEX.get(config.sample_rate, 0)
    version = 3 if is_first_version else 2 if config.sample_rate >= 16000 else 0
    head = 0x7FF << 21 | version << 19 | 1 << 17 | 1 << 16
    head |= _MP3_BITRATE_INDEX[is_first_version] << 12 | rate_index << 10
    head |= (3 if config.channels == 1 else 0) << 6
    size = config.frame_samples // 8 * _MP3_BITRATE * 1000 // (config.sample_rate or 44100)
    return head.to_bytes(4, "big").ljust(size, b"\0")
