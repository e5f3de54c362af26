"""What hostile files can make ffmpeg do: nothing but fail."""

import contextlib
import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from livestream.media import ffmpeg
from livestream.tests.media import record
from soukloop.core.media import sandbox
from soukloop.core.media.sandbox import FfmpegError, FfmpegInterrupted, Limits
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.media


def encode(target: Path, *arguments: str) -> Path:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, str(target)], check=True)
    return target


@pytest.fixture
def video(tmp_path: Path) -> Path:
    record(tmp_path / "video.mp4", 2)
    return tmp_path / "video.mp4"


@pytest.fixture
def web_server() -> Iterator[tuple[str, list[str]]]:
    """A web server's address, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.parametrize("demuxer", ["mov", "flv"])
@pytest.mark.parametrize(
    "lines",
    [
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\n{source}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{source}'\n",
        "<?xml version='1.0'?><MPD><Period><BaseURL>{source}</BaseURL></Period></MPD>",
        "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=control:{source}\n",
    ],
    ids=["HLS", "concat", "DASH", "SDP"],
)
def test_a_playlist_named_like_a_video_opens_nothing(
    tmp_path: Path, video: Path, web_server: tuple[str, list[str]], lines: str, demuxer: str
) -> None:
    def read(path: Path) -> None:
        if demuxer == "mov":
            ffmpeg.track_lengths(path)
        else:
            ffmpeg.mux([path.read_bytes()], tmp_path / "out.mp4", seconds=1)

    address, asked = web_server
    for source in (f"{address}/a.ts", str(video), "data:video/mp4;base64,AAAA", f"concat:{video}|{video}"):
        hostile = tmp_path / "hostile.mp4"
        hostile.write_text(lines.format(source=source))
        with pytest.raises(FfmpegError):
            read(hostile)
    assert asked == []
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("protocol", ["http", "data", "concat", "subfile", "tcp"])
def test_no_protocol_but_files_and_pipes_is_opened(
    tmp_path: Path, video: Path, web_server: tuple[str, list[str]], protocol: str
) -> None:
    address, asked = web_server
    source = {
        "http": f"{address}/a.mp4",
        "data": "data:video/mp4;base64,AAAA",
        "concat": f"concat:{video}",
        "subfile": f"subfile,,start,0,end,0,,:{video}",
        "tcp": address.replace("http", "tcp"),
    }[protocol]
    with (
        sandbox.working_folder(tmp_path) as folder,
        pytest.raises(FfmpegError, match=r"not on whitelist|Protocol not found|Invalid"),
    ):
        sandbox.run("ffprobe", ("-v", "error", *sandbox.input_options("mov"), "-i", source), folder=folder)
    assert asked == []


def test_an_mp4_whose_samples_are_in_another_file_shows_nothing_of_it(tmp_path: Path, video: Path) -> None:
    """Each track's data reference is changed from "this file" to an alias of another one."""
    data = video.read_bytes()
    assert b"url \0\0\0\1" in data
    hostile = tmp_path / "hostile.mp4"
    hostile.write_bytes(data.replace(b"url \0\0\0\1", b"alis\0\0\0\0"))
    with contextlib.suppress(FfmpegError):
        ffmpeg.save_poster(hostile, tmp_path / "poster.jpg", at=0)
    options = sandbox.input_options("mov")
    assert options[options.index("-enable_drefs") + 1] == "0"
    assert options[options.index("-use_absolute_path") + 1] == "0"


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    size = "color=size=8192x4096:rate=1"
    huge = encode(
        tmp_path / "huge.mp4",
        *("-f", "lavfi", "-i", size, "-frames:v", "1", "-c:v", "libx264", "-preset", "ultrafast"),
    )
    with pytest.raises(FfmpegError, match=r"max pixel count|Invalid argument"):
        ffmpeg.save_poster(huge, tmp_path / "poster.jpg", at=0)
    assert ffmpeg.decode_errors([huge.read_bytes()], folder=tmp_path, seconds=1)


def test_a_file_of_too_many_tracks_is_refused(tmp_path: Path) -> None:
    many = encode(tmp_path / "many.mp4", "-f", "lavfi", "-i", "sine=duration=1", *["-map", "0"] * 9)
    with pytest.raises(FfmpegError, match="max_streams"):
        ffmpeg.track_lengths(many)


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(2**16)


def test_what_never_ends_is_stopped(tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc=size=640x480:rate=1000", "-f", "null", "-")
    with sandbox.working_folder(tmp_path) as folder:
        with pytest.raises(FfmpegError, match="longer than 1 s"):
            sandbox.run("ffmpeg", ("-v", "error", *picture), folder=folder, limits=Limits(wall_seconds=1))
        with pytest.raises(FfmpegError, match="ended with 255") as raised:
            sandbox.run("ffmpeg", ("-v", "error", *picture), folder=folder, limits=Limits(cpu_seconds=1))
        assert not isinstance(raised.value, FfmpegInterrupted)
        with pytest.raises(FfmpegError, match="longer than 1 s"):
            sandbox.run(
                "cat", (), folder=folder, feed=endless(), limits=Limits(wall_seconds=1, cpu_seconds=60)
            )


def test_memory_and_files_are_limited(tmp_path: Path) -> None:
    with sandbox.working_folder(tmp_path) as folder:
        with pytest.raises(FfmpegError):
            sandbox.run(
                "ffmpeg",
                (
                    "-v",
                    "error",
                    "-f",
                    "lavfi",
                    "-i",
                    "testsrc=size=4000x4000",
                    "-frames:v",
                    "9",
                    "-f",
                    "null",
                    "-",
                ),
                folder=folder,
                limits=Limits(memory_bytes=2**28),
            )
        with pytest.raises(FfmpegError):
            sandbox.run(
                "dd",
                ("if=/dev/zero", "of=big", "bs=1M", "count=3"),
                folder=folder,
                limits=Limits(file_bytes=2**20),
            )
        assert (folder / "big").stat().st_size <= 2**20


def test_a_program_that_was_killed_may_succeed_later(tmp_path: Path) -> None:
    with sandbox.working_folder(tmp_path) as folder:
        with pytest.raises(FfmpegInterrupted):
            sandbox.run("sh", ("-c", "kill -9 $$"), folder=folder)
        with pytest.raises(FfmpegInterrupted):
            sandbox.run("sh", ("-c", "exit 255"), folder=folder)
        with pytest.raises(FfmpegInterrupted):
            sandbox.run("sh", ("-c", "echo 'out.mp4: No space left on device' >&2; exit 1"), folder=folder)
        with pytest.raises(FfmpegError) as raised:
            sandbox.run("sh", ("-c", "exit 3"), folder=folder)
        assert not isinstance(raised.value, FfmpegInterrupted)


def test_endless_errors_and_output_are_cut(tmp_path: Path) -> None:
    with sandbox.working_folder(tmp_path) as folder:
        output, errors = sandbox.run(
            "sh", ("-c", "yes | head -c 9000000; yes no | head -c 9000000 >&2"), folder=folder
        )
    assert len(output) == 2**20
    assert len(errors) == 4000


def test_it_has_no_rights_no_settings_and_an_empty_folder(tmp_path: Path, video: Path) -> None:
    with sandbox.working_folder(tmp_path, video) as folder:
        output, _ = sandbox.run(
            "sh", ("-c", "env; id -u; ls; grep NoNewPrivs /proc/self/status"), folder=folder
        )
    lines = output.splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert names <= {"PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"}
    assert "video.mp4" in lines
    assert "NoNewPrivs:\t1" in lines
    assert str(os.getuid() or 65534) in lines
    assert not folder.exists()


def test_outputs_belong_to_us_and_can_be_read_by_the_media_server(tmp_path: Path, video: Path) -> None:
    ffmpeg.segment(video, tmp_path / "hls", prefix="x/")
    for path in (tmp_path / "hls").iterdir():
        assert path.stat().st_uid == os.geteuid()
        assert path.stat().st_mode & 0o777 == 0o644


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A killed worker leaves no ffmpeg that goes on writing."""
    code = (
        "import django, sys; django.setup()\n"
        "from pathlib import Path; from soukloop.core.media import sandbox\n"
        "with sandbox.working_folder(Path(sys.argv[1])) as folder:\n"
        "    sandbox.run('sh', ('-c', 'echo $$ > pid; exec sleep 300'), folder=folder)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "soukloop.settings"}
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=settings.BASE_DIR, env=environment
    )
    try:
        wait_until(lambda: [path for path in tmp_path.glob("*/pid") if path.read_text().strip()], "child")
    finally:
        worker.kill()
        worker.wait()
    [path] = tmp_path.glob("*/pid")
    wait_until(lambda: _has_ended(int(path.read_text())), "end of the child")


def _has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_a_feed_that_fails_ends_the_program(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x"
        raise OSError("the disk is gone")

    began = time.monotonic()
    with sandbox.working_folder(tmp_path) as folder, pytest.raises(OSError, match="the disk is gone"):
        sandbox.run("sh", ("-c", "exec cat"), folder=folder, feed=failing())
    assert time.monotonic() - began < 30
