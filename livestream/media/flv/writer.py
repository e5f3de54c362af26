"""Repaired sections as FLV, as ffmpeg reads it from a pipe."""

import struct

from .repair import Frame, Section

# Options before `-i pipe:0`: begin at the first frame, and guess nothing about what follows.
FFMPEG_INPUT = ("-f", "flv", "-analyzeduration", "0", "-fpsprobesize", "0")

_KINDS = {"audio": 8, "video": 9}
_HEAD = struct.Struct(">IIBH")
_SIZE = struct.Struct(">I")
_FILE_HEADER = b"FLV\x01\x05\0\0\0\x09\0\0\0\0"
_AAC = 10


def header(section: Section) -> bytes:
    """Return the beginning of a section: the file's header, and how its picture and sound are coded."""
    start = _FILE_HEADER + _tag("video", section.start, b"\x17\0\0\0\0" + section.video.record)
    if section.audio.flv_format >> 4 == _AAC:
        start += _tag("audio", section.start, bytes([section.audio.flv_format, 0]) + section.audio.record)
    return start


def tag_bytes(frame: Frame) -> bytes:
    """Return a frame with what FLV puts around it."""
    return _tag(frame.kind, frame.dts, frame.data)


def _tag(kind: str, timestamp: int, payload: bytes) -> bytes:
    size = len(payload)
    head = _HEAD.pack(_KINDS[kind] << 24 | size, (timestamp & 0xFFFFFF) << 8 | timestamp >> 24 & 0x7F, 0, 0)
    return head + payload + _SIZE.pack(size + 11)
