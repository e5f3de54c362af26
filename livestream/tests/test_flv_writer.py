"""ffmpeg gets each frame from the pipe, from the first on, and writes before more than a moment has come."""

import os
import subprocess

import pytest

from livestream.media.flv import writer
from livestream.media.flv.repair import Repair
from livestream.tests.flv_files import AUDIO, VIDEO, encode, sections_of
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.media

COPY = (
    *("ffmpeg", "-v", "error", "-nostdin", *writer.FFMPEG_INPUT, "-i", "pipe:0"),
    *("-map", "0:v", "-map", "0:a", "-c", "copy", "-copyts"),
)


@pytest.mark.parametrize("start", [0, 90_000_000])
@pytest.mark.parametrize(
    ("video", "audio"),
    [
        ((*VIDEO, "-preset", "medium", "-g", "50"), AUDIO),
        ((), AUDIO),
        ((*VIDEO, "-g", "25"), ()),
        ((*VIDEO, "-g", "25"), ("-c:a", "libmp3lame", "-ac", "2")),
    ],
)
def test_every_frame_arrives_at_its_time(video: tuple[str, ...], audio: tuple[str, ...], start: int) -> None:
    [(section, frames)] = sections_of(encode(video=video, audio=audio), Repair(start=start))
    content = writer.header(section) + b"".join(writer.tag_bytes(frame) for frame in frames)
    listed = subprocess.run(
        [*COPY, "-f", "framecrc", "-"], input=content, capture_output=True, check=True
    ).stdout.decode()
    arrived = [line.split(",")[:4] for line in listed.splitlines() if line[0] in "01"]
    for index, kind in enumerate(("video", "audio")):
        sent = [frame for frame in frames if frame.kind == kind]
        got = [(int(line[1]), int(line[2])) for line in arrived if int(line[0]) == index]
        assert got == [(frame.dts, frame.pts) for frame in sent]


def test_ffmpeg_writes_after_a_moment_of_media() -> None:
    [(section, frames)] = sections_of(encode(video=(*VIDEO, "-preset", "medium", "-g", "50")))
    first = [writer.tag_bytes(frame) for frame in frames if frame.dts <= 400]
    options = ("-f", "mp4", "-movflags", "+frag_every_frame+empty_moov+default_base_moof", "pipe:1")
    with subprocess.Popen([*COPY, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        process.stdin.write(writer.header(section) + b"".join(first))
        process.stdin.flush()
        written = b""

        def has_fragment() -> bool:
            nonlocal written
            written += process.stdout.read() or b""  # type: ignore[union-attr]
            return b"moof" in written

        wait_until(has_fragment, "fragment")
        process.kill()
