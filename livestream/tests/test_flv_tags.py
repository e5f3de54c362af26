"""Recordings are read while they grow, never further than they are written."""

from itertools import pairwise
from pathlib import Path

import pytest

from livestream.media.flv.tags import GrowingRecording, NotFlv, sequence_headers_before
from livestream.tests.flv_files import FILE_HEADER, encode, flv_bytes, read_tags, tag_as_bytes

pytestmark = pytest.mark.media


def test_a_recording_that_grows_byte_by_byte_gives_each_tag_once(tmp_path: Path) -> None:
    tags = encode(seconds=1)[:12]
    content = flv_bytes(tags)
    path = tmp_path / "recording.flv"
    path.touch()
    found = []
    with path.open("ab", buffering=0) as writing, GrowingRecording(path) as recording:
        for position in range(len(content)):
            writing.write(content[position : position + 1])
            found += recording.read()
        assert recording.position == len(content)
    assert [tag[:3] for tag in found] == [tag[:3] for tag in tags]


def test_tags_know_where_they_begin_and_end(tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    path.write_bytes(flv_bytes(encode(seconds=1)))
    tags = read_tags(path)
    assert tags[0].offset == len(FILE_HEADER)
    assert all(tag.end == following.offset for tag, following in pairwise(tags))
    with GrowingRecording(path, tags[10].offset) as recording:
        assert recording.read() == tags[10:]


def test_timestamps_have_32_bits(tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    path.write_bytes(FILE_HEADER + tag_as_bytes("audio", 0xFEDCBA98, b"\xaf\x01x"))
    assert [tag.timestamp for tag in read_tags(path)] == [0xFEDCBA98]


def test_a_tag_larger_than_what_is_read_at_once_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    payload = bytes(9_000_000)
    content = FILE_HEADER + tag_as_bytes("video", 1, payload) + tag_as_bytes("audio", 2, b"ab")
    path.write_bytes(content[:-1])
    with GrowingRecording(path) as recording:
        found = recording.read()
        assert [len(tag.payload) for tag in found] == [9_000_000]
        assert recording.read() == []
        path.write_bytes(content)
        assert [tag.payload for tag in recording.read()] == [b"ab"]


@pytest.mark.parametrize(
    "content",
    [
        b"G",
        b"<html>",
        bytes(100),
        b"FLV\x02\x05\0\0\0\x09\0\0\0\0",
        b"FLV\x01\x05\0\0\0\x03\0\0\0\0",
        b"FLV\x01\x05\xff\xff\xff\xff\0\0\0\0",
    ],
)
def test_a_file_that_begins_otherwise_is_not_flv(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    path.write_bytes(content)
    with GrowingRecording(path) as recording, pytest.raises(NotFlv):
        recording.read()


@pytest.mark.parametrize(
    "rest",
    [
        bytes(64),  # left by a disk that lost what was written
        b"\x28\0\0\0\0\0\0\0\0\0\0\0\0\0\x0b",  # encrypted
        b"\x08\0\0\x01\0\0\0\0\0\0\0x\0\0\0\x0d",  # a wrong size after the tag
    ],
)
def test_tags_before_a_broken_place_are_read(rest: bytes, tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    path.write_bytes(FILE_HEADER + tag_as_bytes("audio", 2, b"ab") + rest)
    with GrowingRecording(path) as recording:
        assert [tag.payload for tag in recording.read()] == [b"ab"]
        with pytest.raises(NotFlv):
            recording.read()


def test_a_size_beyond_the_files_end_waits(tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    path.write_bytes(FILE_HEADER + b"\x09\xff\xff\xff\0\0\0\0\0\0\0" + bytes(1000))
    with GrowingRecording(path) as recording:
        assert recording.read() == []
        assert recording.position == len(FILE_HEADER)


def test_empty_tags_are_tags(tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    path.write_bytes(FILE_HEADER + tag_as_bytes("audio", 2, b"") * 3)
    assert [tag.payload for tag in read_tags(path)] == [b"", b"", b""]


def test_the_configurations_before_an_offset_are_the_last_ones(tmp_path: Path) -> None:
    first, second = encode(seconds=1), encode(seconds=1, size="90x160")
    path = tmp_path / "recording.flv"
    path.write_bytes(flv_bytes([*first, *second]))
    tags = read_tags(path)
    headers = [tag for tag in tags if tag.kind != "script" and tag.payload[1] == 0]
    assert len(headers) == 4
    assert sequence_headers_before(path, tags[len(first)].offset) == headers[:2]
    assert sequence_headers_before(path, tags[-1].offset) == headers[2:]
    assert sequence_headers_before(path, 0) == []
