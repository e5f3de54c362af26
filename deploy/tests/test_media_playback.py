"""Serving video to those who may watch it, with real nginx; `Web` answers for the web process."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from livestream.tests.media import SECRET, MediaServerProcess
from livestream.views.media import GRANT_CACHING, REFUSAL_CACHING
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.media

FILES = ("index.m3u8", "0.ts", "journal.jsonl", "00000.ts", "video.mp4", "poster.jpg")
FOREVER = "public, max-age=31536000, immutable"
PLAYLIST = "live/stream_1/index.m3u8"


class Web(ThreadingHTTPServer):
    """Answers whether somebody may watch: with a token that contains `good`, until it is revoked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WebAnswer)
        self.asked: list[str] = []
        self.revoked: set[str] = set()
        self.caching = {204: GRANT_CACHING, 403: REFUSAL_CACHING}
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class WebAnswer(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        asked = {name: value for name, (value,) in parse_qs(urlsplit(self.path).query).items()}
        token = asked["token"]
        self.server.asked.append(f"{asked['kind']}/{asked['stream']}/{token}")
        allowed = asked["secret"] == SECRET and "good" in token and token not in self.server.revoked
        status = 204 if allowed else 403
        self.send_response(status)
        self.send_header("Cache-Control", self.server.caching[status])
        self.send_header("Vary", "Cookie, Origin")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.stop()


@pytest.fixture
def server(web: Web) -> Iterator[MediaServerProcess]:
    """A media server with a live stream and a replay, which asks `web`."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        server = MediaServerProcess(Path(root))
        for name in ("live", "vods"):
            folder = server.root / name / "stream_1"
            folder.mkdir(parents=True)
            for file in FILES:
                (folder / file).write_text("#EXTM3U" * 100)
        (server.root / "vods/stream_1/clip-1.mp4").write_text("clip")
        (server.root / "vods/stream_1.m3u8").write_text("#EXTM3U" * 100)
        server.start(web.url)
        yield server
        server.stop()
    shutil.rmtree(server.state)


def ask(server: MediaServerProcess, path: str, *, method: str = "GET", **headers: str) -> tuple[int, Any]:
    """Return the status and the headers of a response."""
    connection = HTTPConnection("127.0.0.1", server.media_port, timeout=15)
    try:
        connection.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers
    finally:
        connection.close()


def statuses(server: MediaServerProcess, *paths: str) -> list[int]:
    return [ask(server, path)[0] for path in paths]


def test_only_addresses_with_a_valid_token_are_served_and_refusals_are_never_cached(
    server: MediaServerProcess,
) -> None:
    for tail in (PLAYLIST, "vods/stream_1.m3u8", "vods/stream_1/video.mp4", "clips/stream_1/clip-1.mp4"):
        assert statuses(server, f"/good/{tail}", f"/{tail}", f"/wrong/{tail}") == [200, 403, 403]
        for path in (f"/{tail}", f"/wrong/{tail}", f"/good/x/{tail}", f"/g%20d/{tail}"):
            status, headers = ask(server, path)
            assert status in (403, 404)
            assert headers["Cache-Control"] == "no-store"
            assert headers["Access-Control-Allow-Origin"] == "*"
    assert statuses(server, "/good/clips/stream_1/video.mp4") == [403], "only clips, also without a replay"
    hidden = ("live/stream_1/journal.jsonl", "live/stream_1/", "recordings/stream_1-1.flv")
    assert not {200, 206} & set(statuses(server, *(f"/good/{path}" for path in hidden)))
    status, headers = ask(server, "/good/vods/stream_1/none.mp4")
    assert (status, headers["Cache-Control"]) == (404, "no-store")


def test_the_web_process_is_asked_once_per_token_and_stream_however_many_requests_come(
    server: MediaServerProcess, web: Web
) -> None:
    tokens = ("good", "good2", "wrong")
    began = time.monotonic()

    def watch(number: int) -> int:
        path = f"/{tokens[number % 3]}/{PLAYLIST}"
        return ask(server, path, Origin=f"https://{number}.example", Cookie=f"a={number}")[0]

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(watch, range(90)))
    assert answers == [200, 200, 403] * 30
    asked = Counter(web.asked)
    assert (asked.pop("live/stream_1/good"), asked.pop("live/stream_1/good2")) == (1, 1)
    assert 1 <= asked.pop("live/stream_1/wrong") <= 2 + time.monotonic() - began
    assert not asked
    web.asked.clear()
    assert statuses(server, "/good/vods/stream_1/video.mp4", "/good/vods/stream_1/poster.jpg") == [200, 200]
    assert web.asked == ["vods/stream_1/good"]


def test_who_is_allowed_again_waits_two_seconds_at_most(server: MediaServerProcess, web: Web) -> None:
    web.revoked.add("good")
    assert statuses(server, f"/good/{PLAYLIST}") == [403]
    web.revoked.clear()
    time.sleep(2.1)
    assert statuses(server, f"/good/{PLAYLIST}", f"/good/{PLAYLIST}") == [200, 200]
    assert len(web.asked) == 2, "a grant is remembered"


def test_a_revoked_token_is_refused_once_the_last_answer_is_old(server: MediaServerProcess, web: Web) -> None:
    web.caching[204] = "max-age=1, stale-while-revalidate=20, stale-if-error=600"
    assert statuses(server, f"/good/{PLAYLIST}") == [200]
    web.revoked.add("good")
    wait_until(lambda: statuses(server, f"/good/{PLAYLIST}") == [403], "refusal", 10)


def test_known_viewers_watch_on_while_no_web_process_answers(server: MediaServerProcess, web: Web) -> None:
    web.caching[204] = "max-age=1, stale-while-revalidate=1, stale-if-error=600"
    known = (f"/good/{PLAYLIST}", f"/wrong/{PLAYLIST}")
    assert statuses(server, *known) == [200, 403]
    web.stop()
    time.sleep(3)
    assert statuses(server, *known) == [200, 403]
    status, headers = ask(server, f"/good2/{PLAYLIST}")
    assert (status, headers["Cache-Control"]) == (500, "no-store")


def test_headers_let_a_cdn_and_browsers_cache_what_never_changes(server: MediaServerProcess) -> None:
    for path, caching in ((PLAYLIST, "public, max-age=1"), ("vods/stream_1/00000.ts", FOREVER)):
        status, headers = ask(server, f"/good/{path}", Origin="https://shop.example")
        assert (status, headers.get_all("Cache-Control")) == (200, [caching])
        assert headers["Access-Control-Allow-Origin"] == "*"
    compressed = ask(server, f"/good/{PLAYLIST}", Accept_Encoding="gzip")[1]
    assert (compressed["Content-Encoding"], compressed["Vary"]) == ("gzip", "Accept-Encoding")
    status, headers = ask(server, "/good/vods/stream_1/video.mp4", Range="bytes=10-19")
    assert (status, headers["Content-Range"]) == (206, "bytes 10-19/700")
    tag = headers["ETag"]
    assert ask(server, "/good/vods/stream_1/video.mp4", If_None_Match=tag)[0] == 304
    assert ask(server, "/good/vods/stream_1/video.mp4", method="HEAD")[0] == 200
    assert ask(server, "/wrong/vods/stream_1/video.mp4", method="HEAD")[0] == 403
    status, headers = ask(server, f"/good/{PLAYLIST}", method="OPTIONS", Origin="https://shop.example")
    assert (status, headers["Access-Control-Allow-Headers"]) == (204, "Range")
