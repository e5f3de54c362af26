"""A real media server and real encoders, for tests."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from livestream.media.playback_tokens import make_token
from soukloop.realtime.testing.servers import free_port
from soukloop.realtime.testing.waiting import wait_until

START = Path(settings.BASE_DIR) / "deploy" / "media" / "start.sh"
SECRET = "shared-by-tests"
SIZE, RATE = "160x90", 12


class MediaServerProcess:
    """The two nginx of the media server with the project's configuration, on free ports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rtmp_port, self.rtmps_port, self.media_port = free_port(), free_port(), free_port()
        self.control_port, self.relay_port, self.module_port = free_port(), free_port(), free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.packager: subprocess.Popen[bytes] | None = None
        self.state = Path(tempfile.mkdtemp(prefix="media-"))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a web process or worker that uses this media server."""
        return {
            "MEDIA_ROOT": str(self.root),
            "MEDIA_SECRET": SECRET,
            "MEDIA_CONTROL_URL": f"http://127.0.0.1:{self.control_port}",
            "MEDIA_URL": f"http://127.0.0.1:{self.media_port}/",
            "RTMP_URL": f"rtmp://127.0.0.1:{self.rtmp_port}/live",
        }

    def start(self, callback_url: str, **variables: str) -> None:
        """Start it; `variables` are those of deploy/media/start.sh."""
        for directory in (*(self.root / name for name in ("live", "recordings", "vods")), self.state):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o777)  # nginx workers run as another user if the tests run as root
        values = {
            "RTMP_PORT": str(self.rtmp_port),
            "RTMPS_PORT": str(self.rtmps_port),
            "RTMP_LISTEN": f"127.0.0.1:{self.module_port}",
            "MEDIA_PORT": str(self.media_port),
            "CONTROL_LISTEN": f"127.0.0.1:{self.control_port}",
            "CALLBACK_URL": callback_url,
            "RELAY_LISTEN": f"127.0.0.1:{self.relay_port}",
            "RESOLVER": "127.0.0.1",
            "MEDIA_SECRET": SECRET,
            "MEDIA_ROOT": str(self.root),
            "STATE_DIR": str(self.state),
            **variables,
        }
        for role in ("ingest", "http"):
            self.processes[role] = subprocess.Popen(
                ["sh", START, role], env={**os.environ, **values}, stderr=(self.state / "log").open("ab")
            )
        try:
            wait_until(
                lambda: self.get("/healthz", self.control_port) == b"ok\n", "media server for encoders"
            )
            wait_until(lambda: self.get("/healthz") == b"ok\n", "media server for viewers")
        except AssertionError:
            self.stop()
            raise

    def start_packager(self) -> None:
        """Start the packager, or let the paused one go on."""
        if self.packager is not None and self.packager.poll() is None:
            self.packager.send_signal(signal.SIGCONT)
            return
        url = urlsplit(os.environ["DATABASE_URL"])
        database_url = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        self.packager = subprocess.Popen(
            [sys.executable, "manage.py", "run_packager"],
            cwd=settings.BASE_DIR,
            env={**os.environ, **self.environment, "DATABASE_URL": database_url},
            stderr=(self.state / "packager.log").open("ab"),
        )

    def pause_packager(self) -> None:
        if self.packager is not None:
            self.packager.send_signal(signal.SIGSTOP)

    def let_packager_write(self, size: int) -> None:
        """Limit the size of the files that the packager writes: 0 is like a full disk, for any user."""
        assert self.packager is not None
        _, hard = resource.prlimit(self.packager.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.packager.pid, resource.RLIMIT_FSIZE, (size, hard))

    def kill_packager(self) -> None:
        if self.packager is not None:
            self.packager.kill()
            self.packager.wait()
            self.packager = None

    def get(self, path: str, port: int | None = None) -> bytes | None:
        """Fetch a file as viewers do, who ask again where no answer came in time; None when there is none."""
        url = f"http://127.0.0.1:{port or self.media_port}{path}"
        for attempt in range(3):
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return bytes(answer.read())
            except HTTPError as error:
                # 429: a test that checks every segment again and again reaches the limit of one address.
                if error.code < 500 and error.code != 429:
                    return None
            except OSError as error:
                # Nothing listens there, as far as this test is concerned for good.
                if isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                    return None
            time.sleep(0.3 * (attempt + 1))
        return None

    def get_video(self, public_id: str, path: str) -> bytes | None:
        """Fetch a file of a stream that everyone may watch."""
        return self.get(f"/{make_token(public_id, viewer_id=None)}/{path}")

    def wait_recorded(self, public_id: str, seconds: float, *, parts: int = 1) -> None:
        """Wait until a stream has this many recordings and the latest is this long."""

        def is_long_enough() -> bool:
            recordings = sorted((self.root / "recordings").glob(f"{public_id}-*.flv"))
            return len(recordings) == parts and _recorded_seconds(recordings[-1]) >= seconds

        wait_until(is_long_enough, "recording of that length")

    def kill(self, *roles: str) -> None:
        """Kill `ingest` or `http`, or both; the master first so that it can't start another worker."""
        for role in roles or tuple(self.processes):
            process = self.processes.pop(role)
            workers = _children(process.pid)
            process.kill()
            process.wait()
            for pid in workers:
                subprocess.run(["kill", "-9", str(pid)], check=False)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=10)
        self.processes = {}


def publish(url: str, key: str, seconds: int = 30, *, color: str = "testsrc") -> "subprocess.Popen[bytes]":
    """Start an encoder with a keyframe every second."""
    return subprocess.Popen(
        [
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-re"),
            *("-f", "lavfi", "-i", f"{color}=size={SIZE}:rate={RATE}", "-f", "lavfi", "-i", "sine"),
            *("-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
            *("-g", str(RATE), "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", f"{url}/{key}"),
        ],
        stderr=subprocess.DEVNULL,
    )


def record(path: Path, seconds: float) -> None:
    """Write a recording as the media server does, with a keyframe every second; or an MP4, by its name."""
    path.write_bytes(_recorded(seconds, path.suffix))


@cache
def _recorded(seconds: float, suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"recorded{suffix}"
        subprocess.run(
            [
                *("ffmpeg", "-nostdin", "-v", "error"),
                *("-f", "lavfi", "-i", f"testsrc=size={SIZE}:rate={RATE}"),
                *("-f", "lavfi", "-i", "sine", "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast"),
                *("-g", str(RATE), "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
            ],
            check=True,
        )
        return path.read_bytes()


def point_replays_at(settings: Any, folder: Path, base_url: str = "http://localhost/vods/") -> None:
    """Store replays in a local folder."""
    replays = settings.STORAGES["replays"]
    options = {**replays["OPTIONS"], "location": str(folder), "base_url": base_url}
    settings.STORAGES = {**settings.STORAGES, "replays": {**replays, "OPTIONS": options}}


def probe(url: str) -> dict[str, Any]:
    """Return what ffprobe finds: `codecs` of the streams, and `seconds`."""
    output = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-of", "json"),
            *("-show_entries", "stream=codec_name:format=duration", url),
        ],
        capture_output=True,
        timeout=20,
        check=True,
    ).stdout
    found = json.loads(output)
    return {
        "codecs": sorted({stream["codec_name"] for stream in found["streams"]}),
        "seconds": float(found["format"].get("duration", 0)),
    }


def _recorded_seconds(recording: Path) -> float:
    """Return the length of the video in a recording that is still being written."""
    timestamps = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-select_streams", "v"),
            *("-show_entries", "packet=pts_time", "-of", "csv=p=0", str(recording)),
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,  # the last packet is incomplete
    ).stdout.split()
    return float(timestamps[-1].rstrip(",")) if timestamps else 0.0


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]
