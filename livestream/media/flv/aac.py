"""AAC configurations and silent AAC frames (ISO 14496-3)."""

from typing import NamedTuple

from .bits import BitReader, BitWriter

_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_LC, _SBR, _PS = 2, 5, 29
_SYNC_SBR, _SYNC_PS = 0x2B7, 0x548
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
# The elements of a frame by channel configuration: single channel, pair, low frequencies.
_SINGLE, _PAIR, _LOW, _END = 0, 1, 3, 7
_ELEMENTS = {
    1: (_SINGLE,),
    2: (_PAIR,),
    3: (_SINGLE, _PAIR),
    4: (_SINGLE, _PAIR, _SINGLE),
    5: (_SINGLE, _PAIR, _PAIR),
    6: (_SINGLE, _PAIR, _PAIR, _LOW),
    7: (_SINGLE, _PAIR, _PAIR, _PAIR, _LOW),
}


class AacConfiguration(NamedTuple):
    """What an AudioSpecificConfig says; the rate and the channels are those of what is heard."""

    object_type: int  # 2: AAC-LC, 5: HE-AAC, 29: HE-AAC v2
    sample_rate: int
    channels: int
    frame_samples: int
    channel_configuration: int  # of the coded frames: 1 for HE-AAC v2
    is_common: bool  # browsers play it


def parse_aac_configuration(record: bytes) -> AacConfiguration | None:
    """Return what an AudioSpecificConfig says; None if it can't be read."""
    try:
        return _read_configuration(BitReader(record[:64]))
    except IndexError:
        return None


def _read_configuration(bits: BitReader) -> AacConfiguration:
    object_type = coded_type = _read_object_type(bits)
    rate = heard_rate = _read_rate(bits)
    configuration = bits.read(4)
    if object_type in (_SBR, _PS):
        heard_rate = _read_rate(bits)
        coded_type = _read_object_type(bits)
    has_short_frames = bits.read_flag()
    if bits.read_flag():
        bits.read(14)
    has_extension = bits.read_flag()
    if object_type == coded_type == _LC and configuration and not has_extension:
        object_type, heard_rate = _read_late_signalling(bits, rate)
    if configuration >= len(_CHANNELS):
        raise IndexError("unknown channels")
    return AacConfiguration(
        object_type,
        heard_rate,
        2 if object_type == _PS else _CHANNELS[configuration] or 2,
        (960 if has_short_frames else 1024) * heard_rate // rate,
        configuration,
        coded_type == _LC and not has_short_frames and configuration > 0,
    )


def _read_late_signalling(bits: BitReader, rate: int) -> tuple[int, int]:
    """Read HE-AAC's backward compatible signalling, which follows what older decoders read."""
    if bits.remaining < 16 or bits.read(11) != _SYNC_SBR or _read_object_type(bits) != _SBR:
        return _LC, rate
    if not bits.read_flag():
        return _LC, rate
    heard_rate = _read_rate(bits)
    if bits.remaining >= 12 and bits.read(11) == _SYNC_PS and bits.read_flag():
        return _PS, heard_rate
    return _SBR, heard_rate


def _read_object_type(bits: BitReader) -> int:
    object_type = bits.read(5)
    return 32 + bits.read(6) if object_type == 31 else object_type


def _read_rate(bits: BitReader) -> int:
    index = bits.read(4)
    rate = bits.read(24) if index == 15 else _RATES[index]
    if not 4000 <= rate <= 192000:
        raise IndexError("impossible rate")
    return rate


def silent_frame(channel_configuration: int) -> bytes | None:
    """Return a frame of silence; None for channels that a configuration describes itself."""
    elements = _ELEMENTS.get(channel_configuration)
    if elements is None:
        return None
    bits = BitWriter()
    tags = {_SINGLE: 0, _PAIR: 0, _LOW: 0}
    for element in elements:
        bits.write(element, 3)
        bits.write(tags[element], 4)
        tags[element] += 1
        if element == _PAIR:
            bits.write(1, 1)  # common window
            _write_window(bits)
            bits.write(0, 2)  # no middle and side
            for _ in range(2):
                bits.write(0, 8 + 3)  # gain; no pulses, shaping or gain control
        else:
            bits.write(0, 8)
            _write_window(bits)
            bits.write(0, 3)
    bits.write(_END, 3)
    return bits.to_bytes()


def _write_window(bits: BitWriter) -> None:
    """Write one long window without a single band."""
    bits.write(0, 1 + 2 + 1 + 6 + 1)
