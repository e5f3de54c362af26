"""Tags of an FLV file that may still be growing."""

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

Kind = Literal["audio", "video", "script"]

_SIGNATURE = b"FLV\x01"
_KINDS: dict[int, Kind] = {8: "audio", 9: "video", 18: "script"}
_FILE_HEADER = struct.Struct(">4sBI")
_TAG_HEADER = struct.Struct(">II3s")  # kind and size, timestamp with its highest byte last, stream id
_SIZE = struct.Struct(">I")
_LARGEST_HEADER = 1024
_READ_BYTES = 4 * 1024 * 1024
_AAC, _EXTENDED_SOUND = 10, 9
_CODECS_WITH_PACKET_TYPE = (7, 12, 13)  # H.264, and what some encoders use for HEVC and AV1


class NotFlv(Exception):
    """The file isn't FLV, or is broken from this position on."""


class Tag(NamedTuple):
    """One message of an encoder, as it was recorded."""

    kind: Kind
    timestamp: int  # ms; 32 bits without a sign, as recorded
    payload: bytes
    offset: int  # of the tag in its file
    end: int  # where the next tag begins


class GrowingRecording:
    """The complete tags of a recording, however much of it has been written."""

    def __init__(self, path: Path | str, offset: int = 0) -> None:
        """Open a recording at its beginning, or at the offset of a tag; raises OSError."""
        self.position = offset
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> list[Tag]:
        """Return the complete tags that follow, at most a few MB of them; none at the file's present end.

        Raises NotFlv once all tags before the broken place have been returned.
        """
        if self.position == 0:
            header_size = _header_size(os.pread(self._descriptor, _LARGEST_HEADER, 0))
            if header_size is None:
                return []
            self.position = header_size
        data = os.pread(self._descriptor, _READ_BYTES, self.position)
        size = int.from_bytes(data[1:4], "big") + 15
        if size > len(data) == _READ_BYTES:
            data = os.pread(self._descriptor, size, self.position)
        return self._tags_in(data)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tags_in(self, data: bytes) -> list[Tag]:
        tags: list[Tag] = []
        start, base, length = 0, self.position, len(data)
        while start + 11 <= length:
            kind_and_size, timestamp, _ = _TAG_HEADER.unpack_from(data, start)
            kind = _KINDS.get(kind_and_size >> 24)
            payload_end = start + 11 + (kind_and_size & 0xFFFFFF)
            end = payload_end + 4
            is_broken = kind is None
            if not is_broken and end > length:
                break
            # Each tag is followed by its size: a last check that this was a tag.
            if kind is None or _SIZE.unpack_from(data, payload_end)[0] != payload_end - start:
                if tags:
                    break
                raise NotFlv(f"no tag at {base + start}")
            tags.append(
                Tag(
                    kind,
                    timestamp >> 8 | (timestamp & 0xFF) << 24,
                    data[start + 11 : payload_end],
                    base + start,
                    base + end,
                )
            )
            start = end
        self.position = base + start
        return tags


def sequence_headers_before(path: Path | str, offset: int) -> list[Tag]:
    """Return the last configuration of each kind before an offset: a reader that begins there needs them.

    Reads only the tags' headers, so it takes a second for hours of recording. Raises NotFlv and OSError.
    """
    found: dict[str, Tag] = {}
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        position = _header_size(os.pread(descriptor, _LARGEST_HEADER, 0))
        if position is None:
            return []
        while position < offset:
            head = os.pread(descriptor, 16, position)
            if len(head) < 11:
                break
            kind_and_size, timestamp, _ = _TAG_HEADER.unpack_from(head)
            kind = _KINDS.get(kind_and_size >> 24)
            if kind is None:
                raise NotFlv(f"no tag at {position}")
            size = kind_and_size & 0xFFFFFF
            end = position + 11 + size + 4
            if is_sequence_header(kind, head[11 : 11 + min(size, 5)]):
                payload = os.pread(descriptor, size, position + 11)
                found[kind] = Tag(kind, timestamp >> 8 | (timestamp & 0xFF) << 24, payload, position, end)
            position = end
    finally:
        os.close(descriptor)
    return sorted(found.values(), key=lambda tag: tag.offset)


def is_sequence_header(kind: str, payload: bytes) -> bool:
    """Return whether a tag's payload announces a configuration instead of media."""
    if len(payload) < 2:
        return False
    first = payload[0]
    if kind == "audio":
        return (first >> 4 == _AAC and payload[1] == 0) or (first >> 4 == _EXTENDED_SOUND and first & 15 == 0)
    if kind == "video":
        if first & 0x80:  # enhanced RTMP
            return first & 15 == 0
        return first & 15 in _CODECS_WITH_PACKET_TYPE and payload[1] == 0
    return False


def _header_size(data: bytes) -> int | None:
    """Return the size of the file's header with the size field after it; None if it isn't complete yet."""
    if data[:4] != _SIGNATURE[: len(data)]:
        raise NotFlv("the file doesn't begin as FLV does")
    if len(data) < _FILE_HEADER.size:
        return None
    size: int = _FILE_HEADER.unpack_from(data)[2]
    if not _FILE_HEADER.size <= size <= _LARGEST_HEADER:
        raise NotFlv("the file's header has an impossible size")
    return size + 4 if len(data) >= size + 4 else None
