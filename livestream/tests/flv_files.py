"""FLV files for tests: encoded once by ffmpeg, cut up and put together again."""

import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

from livestream.media.flv import writer
from livestream.media.flv.repair import Frame, Repair, Section
from livestream.media.flv.tags import GrowingRecording, Tag

VIDEO = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AUDIO = ("-c:a", "aac", "-b:a", "64k")
FILE_HEADER = b"FLV\x01\x05\0\0\0\x09\0\0\0\0"
_KINDS = {"audio": 8, "video": 9, "script": 18}


@cache
def encode(
    *options: str,
    seconds: float = 4,
    size: str = "160x90",
    rate: str = "25",
    sound_rate: int = 44100,
    video: tuple[str, ...] = (*VIDEO, "-g", "25"),
    audio: tuple[str, ...] = AUDIO,
) -> tuple[Tag, ...]:
    """Return the tags that ffmpeg makes of a test picture and a tone; no `video` or `audio` leaves it out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoded.flv"
        sources: tuple[str, ...] = ()
        if video:
            sources += ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}")
        if audio:
            sources += ("-f", "lavfi", "-i", f"sine=r={sound_rate}")
        subprocess.run(
            [
                *("ffmpeg", "-v", "error", "-nostdin", "-y", *sources, "-t", str(seconds)),
                *(*video, *audio, *options, "-f", "flv", str(path)),
            ],
            check=True,
            capture_output=True,
        )
        return tuple(read_tags(path))


def read_tags(path: Path) -> list[Tag]:
    tags = []
    with GrowingRecording(path) as recording:
        while some := recording.read():
            tags += some
    return tags


def flv_bytes(tags: Iterable[Tag]) -> bytes:
    """Return a file of these tags."""
    return FILE_HEADER + b"".join(tag_as_bytes(tag.kind, tag.timestamp, tag.payload) for tag in tags)


def tag_as_bytes(kind: str, timestamp: int, payload: bytes) -> bytes:
    time = timestamp & 0xFFFFFFFF
    head = bytes([_KINDS[kind]]) + len(payload).to_bytes(3, "big")
    head += (time & 0xFFFFFF).to_bytes(3, "big") + bytes([time >> 24]) + b"\0\0\0"
    return head + payload + (len(head) + len(payload)).to_bytes(4, "big")


def sections_of(tags: Iterable[Tag], repair: Repair | None = None) -> list[tuple[Section, list[Frame]]]:
    """Return each section with its frames."""
    repair = repair or Repair()
    found: list[tuple[Section, list[Frame]]] = []
    output = [item for tag in tags for item in repair.feed(tag)] + repair.finish()
    for item in output:
        if isinstance(item, Section):
            found.append((item, []))
        else:
            found[-1][1].append(item)
    return found


def media_of(tags: Iterable[Tag], kind: str) -> list[Tag]:
    """Return the tags with pictures or sound, without the sequence headers and the end mark."""
    return [tag for tag in tags if tag.kind == kind and tag.payload[1] == 1]


def moved(tags: Iterable[Tag], milliseconds: int) -> list[Tag]:
    """Return tags as sent at another time of the encoder's clock."""
    return [tag._replace(timestamp=(tag.timestamp + milliseconds) & 0xFFFFFFFF) for tag in tags]


def assert_flawless(sections: list[tuple[Section, list[Frame]]], *, decode: bool = True) -> None:
    """Assert what players rely on: both tracks without holes, in order, from a keyframe on, decodable."""
    last = {"video": -1, "audio": -1}
    for index, (section, frames) in enumerate(sections):
        assert section.number == sections[0][0].number + index
        if section.video.unsupported:
            assert frames == []
            continue
        end = max(frame.dts for frame in frames)
        for kind, longest_hole in (("video", 3000), ("audio", 600)):
            track = [frame for frame in frames if frame.kind == kind]
            assert track, f"section {section.number} has no {kind}"
            times = [section.start, *(frame.dts for frame in track), end]
            assert all(later - earlier <= longest_hole for earlier, later in pairwise(times)), (kind, times)
            for frame in track:
                assert frame.dts > last[kind]
                last[kind] = frame.dts
            assert track[0].dts >= section.start
            assert track[0].is_key
        if decode:
            errors = decoding_errors(section, frames)
            assert errors == "", errors


def decoding_errors(section: Section, frames: list[Frame]) -> str:
    """Return what ffmpeg complains about when it decodes a section from a pipe, as the packager gives it."""
    content = writer.header(section) + b"".join(writer.tag_bytes(frame) for frame in frames)
    errors = subprocess.run(
        [
            *("ffmpeg", "-v", "warning", "-nostdin", *writer.FFMPEG_INPUT, "-i", "pipe:0"),
            *("-map", "0:v", "-map", "0:a", "-fps_mode", "passthrough", "-enc_time_base:v", "-1"),
            *("-f", "null", "-"),
        ],
        input=content,
        capture_output=True,
        check=False,
    ).stderr.decode()
    return "\n".join(line for line in errors.splitlines() if "Guessed Channel Layout" not in line)
