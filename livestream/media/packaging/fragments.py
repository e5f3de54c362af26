"""Reads the fragmented MP4 that an ffmpeg writes to a pipe, and joins its samples to segments.

The boxes are those of ISO/IEC 14496-12. Only what our own ffmpeg commands write is understood.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Larger boxes aren't buffered: encoders are limited to messages of 8 MB.
_LARGEST_BOX = 64 * 1024 * 1024
_SYNC_SAMPLE = 0x02000000  # depends on no other sample
_NO_SYNC_SAMPLE_BIT = 0x00010000


class BadFragments(Exception):
    """The bytes are no fragmented MP4 of one track."""


@dataclass(frozen=True, slots=True)
class Init:
    """How a track is decoded: what comes before its first fragment."""

    data: bytes
    timescale: int
    codec_string: str  # RFC 6381, of H.264; empty for sound


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame; times are in the track's timescale."""

    decode: int
    presentation: int
    duration: int
    is_key: bool
    data: bytes


class FragmentReader:
    """Splits what arrives from the pipe."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._init = b""
        self._fragment = b""

    def feed(self, data: bytes) -> list[Init | Sample]:
        """Return what is complete with these bytes; raises BadFragments."""
        self._buffer += data
        found: list[Init | Sample] = []
        start = 0
        while len(self._buffer) - start >= 8:
            size = int.from_bytes(self._buffer[start : start + 4], "big")
            if not 8 <= size <= _LARGEST_BOX:
                raise BadFragments(f"a box of {size} bytes")
            if len(self._buffer) - start < size:
                break
            box = bytes(self._buffer[start : start + size])
            start += size
            found += self._take(box[4:8], box)
        del self._buffer[:start]
        return found

    def _take(self, kind: bytes, box: bytes) -> Sequence[Init | Sample]:
        if kind == b"ftyp":
            self._init = box
        elif kind == b"moov":
            data = self._init + box
            return [Init(data, _timescale(box), _avc_codec_string(box))]
        elif kind == b"moof":
            self._fragment = box
        elif kind == b"mdat":
            return _samples(self._fragment, box)
        return []


def join(samples: Sequence[Sample], *, sequence: int) -> bytes:
    """Return one segment with one fragment that holds the samples."""
    count = len(samples)
    entries = b"".join(
        struct.pack(
            ">IIIi",
            sample.duration,
            len(sample.data),
            _SYNC_SAMPLE if sample.is_key else 0x01000000 | _NO_SYNC_SAMPLE_BIT,
            sample.presentation - sample.decode,
        )
        for sample in samples
    )
    # Default-base-is-moof: positions count from the start of the fragment.
    tfhd = _full_box(b"tfhd", 0, 0x020000, struct.pack(">I", 1))
    tfdt = _full_box(b"tfdt", 1, 0, struct.pack(">Q", samples[0].decode))
    mfhd = _full_box(b"mfhd", 0, 0, struct.pack(">I", sequence + 1))
    trun_size = 12 + 8 + len(entries)
    moof_size = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + trun_size
    # Its flags: the position of the data, and each sample's duration, size, flags and composition offset.
    trun = _full_box(b"trun", 1, 0x000F01, struct.pack(">Ii", count, moof_size + 8) + entries)
    moof = _box(b"moof", mfhd + _box(b"traf", tfhd + tfdt + trun))
    styp = _box(b"styp", b"msdh" + bytes(4) + b"msdhcmfs")
    return b"".join([styp, moof, _box(b"mdat", b"".join(sample.data for sample in samples))])


def _samples(moof: bytes, mdat: bytes) -> list[Sample]:
    """Return the samples of a fragment; raises BadFragments."""
    traf = next((body for kind, body in _children(moof) if kind == b"traf"), b"")
    boxes = dict(_children(b"\0" * 8 + traf))
    if not {b"tfhd", b"tfdt", b"trun"} <= boxes.keys():
        raise BadFragments("a fragment without its track")
    default_duration, default_size, default_flags = _tfhd(boxes[b"tfhd"])
    tfdt, trun = boxes[b"tfdt"], boxes[b"trun"]
    decode = int.from_bytes(tfdt[4:12] if tfdt[0] else tfdt[4:8], "big")
    flags, count = int.from_bytes(trun[1:4], "big"), int.from_bytes(trun[4:8], "big")
    at, first_flags = 8, None
    if flags & 0x1:
        at += 4
    if flags & 0x4:
        first_flags = int.from_bytes(trun[at : at + 4], "big")
        at += 4
    samples = []
    position = 8
    for index in range(count):
        duration, size, sample_flags, offset = default_duration, default_size, default_flags, 0
        if flags & 0x100:
            duration, at = int.from_bytes(trun[at : at + 4], "big"), at + 4
        if flags & 0x200:
            size, at = int.from_bytes(trun[at : at + 4], "big"), at + 4
        if flags & 0x400:
            sample_flags, at = int.from_bytes(trun[at : at + 4], "big"), at + 4
        elif index == 0 and first_flags is not None:
            sample_flags = first_flags
        if flags & 0x800:
            offset, at = int.from_bytes(trun[at : at + 4], "big", signed=True), at + 4
        data = mdat[position : position + size]
        if len(data) != size:
            raise BadFragments("a fragment without its data")
        is_key = not sample_flags & _NO_SYNC_SAMPLE_BIT
        samples.append(Sample(decode, decode + offset, duration, is_key, data))
        decode += duration
        position += size
    return samples


def _tfhd(body: bytes) -> tuple[int, int, int]:
    """Return a fragment's default duration, size and flags of samples."""
    flags, at = int.from_bytes(body[1:4], "big"), 8
    at += 8 if flags & 0x1 else 0
    at += 4 if flags & 0x2 else 0
    values = []
    for bit in (0x8, 0x10, 0x20):
        value = 0
        if flags & bit:
            value, at = int.from_bytes(body[at : at + 4], "big"), at + 4
        values.append(value)
    return values[0], values[1], values[2]


def _children(box: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Return the kinds and contents of the boxes in a box; raises BadFragments."""
    at = 8
    while at + 8 <= len(box):
        size = int.from_bytes(box[at : at + 4], "big")
        if not 8 <= size <= len(box) - at:
            raise BadFragments("a box that is longer than the one around it")
        yield box[at + 4 : at + 8], box[at + 8 : at + size]
        at += size


def _timescale(moov: bytes) -> int:
    body = moov[8:]
    for wanted in (b"trak", b"mdia", b"mdhd"):
        body = next((inner for kind, inner in _children(b"\0" * 8 + body) if kind == wanted), b"")
    # After the version and flags: two times of 4 bytes, or of 8 in version 1.
    at = 20 if body[:1] == b"\1" else 12
    timescale = int.from_bytes(body[at : at + 4], "big")
    if not timescale:
        raise BadFragments("a track without a timescale")
    return timescale


def _avc_codec_string(moov: bytes) -> str:
    """Return for example avc1.64001f, from the decoder's configuration."""
    at = moov.find(b"avcC")
    return f"avc1.{moov[at + 5 : at + 8].hex()}" if at > 0 else ""


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full_box(kind: bytes, version: int, flags: int, content: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)
