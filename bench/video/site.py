"""What a broadcast needs, on ports of its own: web, media server, packager, and the players' page."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.servers import PEERS, ROOT, Server
from bench.streams import ENVIRONMENT

HERE = Path(__file__).parent
SCRIPTS = {
    "hls.js": "hls.js/dist/hls.min.js",
    "dash.js": "dashjs/dist/modern/umd/dash.all.min.js",
    "shaka.js": "shaka-player/dist/shaka-player.compiled.js",
}


class Site:
    """A running instance; its media server is `media`, its live streams come from `go_live`."""

    def __init__(self, database_url: str, stack: ExitStack) -> None:
        from livestream.tests.media import MediaServerProcess  # noqa: PLC0415 - Django must be set up first

        root = Path(tempfile.mkdtemp(prefix="bench-video-"))
        root.chmod(0o755)
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        self.media = MediaServerProcess(root)
        self.environment = {
            **os.environ,
            **ENVIRONMENT,
            **self.media.environment,
            "DATABASE_URL": database_url,
            "DEBUG": "true",  # with the secret of tests
            "RATE_LIMIT_EXEMPT_LOOPBACK": "true",
        }
        command = [sys.executable, "-m", "uvicorn", "soukloop.asgi:application"]
        self.web = Server(command, ROOT, self.environment)
        stack.callback(self.web.stop)
        self.web.wait_until_it_serves()
        self.url = f"http://127.0.0.1:{self.web.port}"
        self.media.start(self.url)
        stack.callback(self.media.stop)
        self.log = root / "packager.log"
        self.packager = subprocess.Popen(
            [sys.executable, "manage.py", "run_packager"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
        )
        stack.callback(self._stop_packager)
        self.pages = _serve_pages(stack)

    def go_live(self) -> "Broadcast":
        """Make a seller with a live stream."""
        return Broadcast(self)

    def get(self, path: str, user: Any) -> Any:
        """Return the data of an API's answer."""
        return _get(self.url, path, user)

    def page(self, player: str, url: str) -> str:
        return f"{self.pages}/player.html?{urlencode({'player': player, 'url': url})}"

    def packager_seconds(self) -> float:
        """Return how many seconds of a core the packager and its ffmpegs have used so far."""
        return sum(map(_processor_seconds, _tree(self.packager.pid)))

    def newest_end(self, broadcast: "Broadcast") -> float:
        """Return the Unix time of the newest segment's end, by the playlist."""
        lines = (self.media.root / "live" / broadcast.public_id / "video.m3u8").read_text().splitlines()
        began = next(line for line in reversed(lines) if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"))
        length = next(line for line in reversed(lines) if line.startswith("#EXTINF:"))
        start = datetime.fromisoformat(began.partition(":")[2].replace("Z", "+00:00"))
        return start.timestamp() + float(length.partition(":")[2].rstrip(","))

    def _stop_packager(self) -> None:
        self.packager.terminate()
        self.packager.wait(timeout=20)


class Broadcast:
    """A live stream: where to publish it, and where to watch it."""

    def __init__(self, site: Site) -> None:
        from accounts.tests.factories import client_for, make_seller, make_user  # noqa: PLC0415
        from livestream.services import streams  # noqa: PLC0415
        from livestream.tests.factories import make_stream  # noqa: PLC0415

        self.seller = make_seller()
        self.stream = make_stream(seller=self.seller)
        live, key = streams.go_live(
            actor=self.seller, stream_id=self.stream.pk, camera_ready=True, checklist_complete=True
        )
        self.publish_to = f"{site.media.environment['RTMP_URL']}/{key}"
        self.public_id = live.public_id
        self._site, self._viewer, self._client_for = site, make_user(), client_for

    def addresses(self) -> dict[str, str]:
        """Return what the API gives to a viewer: `hls` and `dash`."""
        answer = _get(self._site.url, f"/api/v1/streams/{self.stream.pk}", self._viewer)
        return {"hls": answer["hlsUrl"], "shaka": answer["hlsUrl"], "dash": answer["dashUrl"]}

    def end(self) -> None:
        from livestream.services import streams  # noqa: PLC0415

        streams.end_stream(actor=self.seller, stream_id=self.stream.pk)


class Browser:
    """A headless Chromium; `samples` holds what each page showed, oldest first."""

    def __init__(self, chromium: str) -> None:
        from soukloop.realtime.testing.node import NODE  # noqa: PLC0415 - Django must be set up first

        self.samples: dict[str, list[dict[str, Any]]] = {}
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            [NODE, str(HERE / "browser.js"), chromium],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(PEERS / "node_modules")},
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        if not self.ready.wait(60):
            raise RuntimeError("Chromium does not start")

    def open(self, name: str, address: str, *, throttle: int = 0) -> None:
        """Open a page; `throttle` limits its connection to bytes a second."""
        self.samples[name] = []
        self._send(open=name, address=address, throttle=throttle)

    def close(self, name: str) -> None:
        self._send(close=name)

    def screenshot(self, name: str, path: Path) -> None:
        self._send(screenshot=name, path=str(path))

    def quit(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)

    def _send(self, **command: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if "name" in message:
                self.samples.setdefault(message["name"], []).append(message)
            elif "ready" in message:
                self.ready.set()
            else:
                print(message, flush=True)


@contextmanager
def running_site(database_url: str) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(database_url, stack)


def _tree(pid: int) -> list[int]:
    """Return a process and all that it started."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += _tree(int(child))
    return found


def _processor_seconds(pid: int) -> float:
    """Return the seconds of a core that a process and its ended children have used."""
    try:
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended, and counts for its parent
        return 0.0
    return sum(map(int, times[11:15])) / os.sysconf("SC_CLK_TCK")


def _serve_pages(stack: ExitStack) -> str:
    """Serve the players and their page, and return the address."""
    folder = Path(tempfile.mkdtemp(prefix="bench-players-"))
    stack.callback(shutil.rmtree, folder)
    for name in ("player.html", "player.js"):
        shutil.copy(HERE / name, folder / name)
    for name, path in SCRIPTS.items():
        shutil.copy(PEERS / "node_modules" / path, folder / name)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.shutdown)
    return f"http://127.0.0.1:{server.server_port}"


def _get(url: str, path: str, user: Any) -> Any:
    import urllib.request  # noqa: PLC0415

    from accounts.tokens import access_token_for  # noqa: PLC0415

    request = urllib.request.Request(
        url + path, headers={"Authorization": f"Bearer {access_token_for(user)}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]
