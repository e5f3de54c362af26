"""What an AVCDecoderConfigurationRecord (ISO 14496-15 5.3.3) and its SPS (ITU-T H.264 7.3.2.1) say."""

from typing import NamedTuple

from .bits import BitReader

IDR, SPS, PPS, DELIMITER = 5, 7, 8, 9
# Profiles whose SPS has chroma format and bit depth.
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_RARE_PROFILES = {110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4", 44: "CAVLC 4:4:4"}
_LONGEST_SPS = 1024
_LARGEST_SIZE = 16384


class SpsFacts(NamedTuple):
    width: int
    height: int
    frame_rate: float | None
    unsupported: str


class AvcRecord(NamedTuple):
    """What is inside of an AVCDecoderConfigurationRecord."""

    length_size: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]


def parse_record(record: bytes) -> AvcRecord | None:
    """Return the parameter sets of a configuration; None if it is incomplete or contains no SPS and PPS."""
    if len(record) < 7 or record[0] != 1:
        return None
    position = 6
    sets: list[tuple[bytes, ...]] = []
    count = record[5] & 31
    for _ in range(2):
        found = []
        for _ in range(count):
            size = int.from_bytes(record[position : position + 2], "big")
            unit = record[position + 2 : position + 2 + size]
            position += 2 + size
            if not unit or len(unit) < size:
                return None
            found.append(unit)
        sets.append(tuple(found))
        if len(sets) == 1:
            if position >= len(record):
                return None
            count = record[position]
            position += 1
    sps, pps = sets
    if not sps or not pps or len(sps[0]) < 4:
        return None
    return AvcRecord((record[4] & 3) + 1, sps, pps)


def build_record(parsed: AvcRecord) -> bytes:
    """Return the configuration for parameter sets that came inside of the video."""
    first = parsed.sps[0]
    record = bytes([1, first[1], first[2], first[3], 0xFC | parsed.length_size - 1, 0xE0 | len(parsed.sps)])
    record += b"".join(len(unit).to_bytes(2, "big") + unit for unit in parsed.sps)
    record += bytes([len(parsed.pps)])
    return record + b"".join(len(unit).to_bytes(2, "big") + unit for unit in parsed.pps)


def units_of(data: bytes, start: int, length_size: int, *, limit: int = 64) -> list[tuple[int, int, int]]:
    """Return type, start and end of the first NAL units of a picture, up to and with its first slice."""
    units: list[tuple[int, int, int]] = []
    end = len(data)
    while start + length_size < end and len(units) < limit:
        size = int.from_bytes(data[start : start + length_size], "big")
        start += length_size
        if size == 0:
            continue
        kind = data[start] & 31
        units.append((kind, start, min(start + size, end)))
        if 1 <= kind <= IDR:
            break
        start += size
    return units


def facts_of_sps(sps: bytes) -> SpsFacts | None:
    """Return what an SPS says about the picture; None if it can't be read."""
    try:
        return _read_sps(BitReader(_without_escapes(sps[:_LONGEST_SPS])))
    except IndexError:
        return None


def _read_sps(bits: BitReader) -> SpsFacts | None:
    bits.read(8)
    profile = bits.read(8)
    bits.read(16)
    bits.read_unsigned()  # id
    chroma, separate_planes, unsupported = 1, False, ""
    if profile in _HIGH_PROFILES:
        chroma = bits.read_unsigned()
        if chroma == 3:
            separate_planes = bits.read_flag()
        depth = max(bits.read_unsigned(), bits.read_unsigned()) + 8
        bits.read_flag()
        if bits.read_flag():
            _skip_scaling_lists(bits, 8 if chroma != 3 else 12)
        if depth > 8:
            unsupported = f"H.264 with {depth} bits a sample"
        elif chroma in (2, 3):
            unsupported = f"H.264 4:{'2:2' if chroma == 2 else '4:4'}"
        elif profile in _RARE_PROFILES:
            unsupported = f"H.264 in the profile {_RARE_PROFILES[profile]}"
    bits.read_unsigned()
    order_type = bits.read_unsigned()
    if order_type == 0:
        bits.read_unsigned()
    elif order_type == 1:
        bits.read_flag()
        bits.read_signed()
        bits.read_signed()
        for _ in range(min(bits.read_unsigned(), 255)):
            bits.read_signed()
    bits.read_unsigned()
    bits.read_flag()
    width = (bits.read_unsigned() + 1) * 16
    map_units = bits.read_unsigned() + 1
    frames_only = bits.read_flag()
    height = (2 - frames_only) * map_units * 16
    if not frames_only:
        bits.read_flag()
    bits.read_flag()
    if bits.read_flag():
        left, right, top, bottom = (bits.read_unsigned() for _ in range(4))
        has_chroma = chroma in (1, 2) and not separate_planes
        width -= (left + right) * (2 if has_chroma else 1)
        height -= (top + bottom) * (2 if has_chroma and chroma == 1 else 1) * (2 - frames_only)
    if not (0 < width <= _LARGEST_SIZE and 0 < height <= _LARGEST_SIZE):
        return None
    return SpsFacts(width, height, _read_frame_rate(bits), unsupported)


def _read_frame_rate(bits: BitReader) -> float | None:
    """Return the frame rate that the VUI promises, if it does."""
    try:
        if not bits.read_flag():
            return None
        if bits.read_flag() and bits.read(8) == 255:  # aspect ratio
            bits.read(32)
        if bits.read_flag():  # overscan
            bits.read(1)
        if bits.read_flag():  # video signal
            bits.read(4)
            if bits.read_flag():
                bits.read(24)
        if bits.read_flag():  # place of the chroma samples
            bits.read_unsigned()
            bits.read_unsigned()
        if not bits.read_flag():
            return None
        units, scale = bits.read(32), bits.read(32)
    except IndexError:
        return None
    rate = scale / (2 * units) if units else 0
    return round(rate, 3) if 0 < rate <= 1000 else None


def _skip_scaling_lists(bits: BitReader, count: int) -> None:
    for index in range(count):
        if not bits.read_flag():
            continue
        last, following = 8, 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.read_signed()) % 256
            last = following or last


def _without_escapes(unit: bytes) -> bytes:
    """Return a NAL unit without its emulation prevention bytes."""
    return unit.replace(b"\0\0\x03", b"\0\0")
