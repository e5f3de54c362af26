"""Whatever bytes a recording holds, reading ends, and repairing never raises."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livestream.media.flv import writer
from livestream.media.flv.codecs import audio_config_of, video_config_of
from livestream.media.flv.repair import Frame, Repair, Section
from livestream.media.flv.tags import GrowingRecording, NotFlv, Tag, sequence_headers_before
from livestream.tests.flv_files import AUDIO, VIDEO, encode, flv_bytes

pytestmark = pytest.mark.media

FOLDER_LIVES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
DAMAGES = ["payload", "timestamp", "order", "lost", "kind"]


def read_and_repair(path: Path) -> list[Section | Frame]:
    """Read all that can be read; assert what holds for any input."""
    repair, output = Repair(), []
    with GrowingRecording(path) as recording, suppress(NotFlv):
        while tags := recording.read():
            for tag in tags:
                output += repair.feed(tag)
    output += repair.finish()
    assert_ordered(output)
    return output


def assert_ordered(output: list[Section | Frame]) -> None:
    last = {"video": -1, "audio": -1}
    section, has_picture = None, False
    for item in output:
        if isinstance(item, Section):
            assert section is None or (item.number == section.number + 1 and item.start >= section.start)
            section, has_picture = item, False
            writer.header(item)
            continue
        assert section is not None
        assert not section.video.unsupported
        assert item.dts > last[item.kind]
        last[item.kind] = item.dts
        if item.kind == "video":
            assert item.is_key or has_picture
            has_picture = True
        writer.tag_bytes(item)


@FOLDER_LIVES
@given(seed=st.integers(0, 1 << 32), changes=st.integers(1, 40))
def test_changed_bytes_anywhere_in_the_file(seed: int, changes: int, tmp_path: Path) -> None:
    content = bytearray(flv_bytes(encode(seconds=2)))
    chosen = random.Random(seed)
    for _ in range(changes):
        content[chosen.randrange(len(content))] = chosen.randrange(256)
    path = tmp_path / "recording.flv"
    path.write_bytes(content)
    read_and_repair(path)
    with suppress(NotFlv):
        sequence_headers_before(path, len(content))


@FOLDER_LIVES
@given(content=st.binary(max_size=200), is_flv=st.booleans())
def test_any_bytes(content: bytes, is_flv: bool, tmp_path: Path) -> None:
    path = tmp_path / "recording.flv"
    path.write_bytes((b"FLV\x01\x05\0\0\0\x09\0\0\0\0" if is_flv else b"") + content)
    read_and_repair(path)


@FOLDER_LIVES
@given(
    seed=st.integers(0, 1 << 32), damage=st.sampled_from(["payload", "timestamp", "order", "lost", "kind"])
)
def test_damaged_tags(seed: int, damage: str) -> None:
    chosen = random.Random(seed)
    tags: list[Tag] = []
    for part in (encode(seconds=2), encode(seconds=2, size="90x160", audio=(*AUDIO, "-ac", "2"))):
        tags += part
    for _ in range(chosen.randrange(1, 60)):
        at = chosen.randrange(len(tags))
        tag = tags[at]
        if damage == "payload":
            payload = bytearray(tag.payload)
            for _ in range(3):
                payload[chosen.randrange(min(len(payload), 80))] = chosen.randrange(256)
            tags[at] = tag._replace(payload=bytes(payload[: chosen.randrange(1, len(payload) + 1)]))
        elif damage == "timestamp":
            tags[at] = tag._replace(timestamp=chosen.randrange(1 << 32))
        elif damage == "order":
            tags.insert(chosen.randrange(len(tags)), tags.pop(at))
        elif damage == "lost":
            del tags[at : at + chosen.randrange(5)]
        else:
            tags[at] = tag._replace(kind=chosen.choice(["audio", "video", "script"]))
    repair = Repair()
    assert_ordered([item for tag in tags for item in repair.feed(tag)] + repair.finish())


@given(kind=st.sampled_from(["audio", "video"]), first=st.integers(0, 255), rest=st.binary(max_size=60))
def test_any_payload_as_a_configuration(kind: str, first: int, rest: bytes) -> None:
    tag = Tag(kind, 0, bytes([first]) + rest, 0, 0)  # type: ignore[arg-type]
    video_config_of(tag)
    audio_config_of(tag)
    Repair().feed(tag)


def test_memory_stays_small_when_time_stands_still() -> None:
    tags = encode(seconds=2, video=(*VIDEO, "-g", "5"))
    stopped = [tag._replace(timestamp=0) for tag in tags if tag.kind != "audio"]
    repair = Repair()
    for _ in range(200):
        for tag in stopped:
            repair.feed(tag)
    assert len(repair._video) <= 4097


def test_memory_stays_small_when_a_track_never_comes() -> None:
    tags = encode(seconds=2)
    [header] = [tag for tag in tags if tag.kind == "audio" and tag.payload[1] == 0]
    repair = Repair()
    repair.feed(header)
    for index in range(20):
        for tag in tags:
            if tag.kind == "video":
                repair.feed(tag._replace(timestamp=tag.timestamp + index * 2000))
        assert len(repair._video) < 100
