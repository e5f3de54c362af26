"""The media server's template and the proxy's example, with real nginx and a real encoder."""

import http.server
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from deploy.local.instance import ROOT
from deploy.tests.instances import is_quiet, wait_for
from livestream.tests.media import SECRET, MediaServerProcess, publish
from soukloop.realtime.testing.servers import free_port

KEY, PUBLIC = "sk_the-key-that-nobody-sees", "stream-1"
TEMPLATE = ROOT / "deploy" / "media" / "nginx.conf.template"

pytestmark = [pytest.mark.media, pytest.mark.xdist_group("media-template")]


@dataclass
class Web:
    """Stands in for the web process: accepts the one key under its public name."""

    port: int
    calls: list[dict[str, str]] = field(default_factory=list)

    def names(self) -> list[tuple[str, str]]:
        return [(call["event"], call["name"]) for call in self.calls]


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    known = Web(free_port())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            url = urlsplit(self.path)
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            known.calls.append({"event": url.path.rpartition("/")[2], "query": url.query, **form})
            refused = form["call"] == "publish" and form["name"] != KEY
            self.send_response(403 if refused else 302 if form["call"] == "publish" else 200)
            if form["call"] == "publish" and not refused:
                self.send_header("Location", PUBLIC)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", known.port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield known
        server.shutdown()


@pytest.fixture(scope="module")
def server(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaServerProcess]:
    root = tmp_path_factory.mktemp("media")
    for directory in (root, root.parent, root.parent.parent):
        directory.chmod(0o755)  # nginx drops root's rights
    server = MediaServerProcess(root)
    server.start(f"http://127.0.0.1:{web.port}")
    yield server
    server.stop()


def ask(
    server: MediaServerProcess, path: str, *, control: bool = False, secret: str = "", method: str = "GET"
) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.control_port if control else server.media_port}{path}"
    headers = {"X-Media-Secret": secret} if secret else {}
    try:
        request = urllib.request.Request(url, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_broadcast_is_watched_under_its_public_id_within_four_seconds(
    server: MediaServerProcess, web: Web
) -> None:
    encoder = publish(server.environment["RTMP_URL"], KEY, 40)
    try:
        took = wait_for(lambda: ask(server, f"/live/{PUBLIC}/index.m3u8")[0] == 200, 30, "the first segment")
        wait_for(lambda: ask(server, f"/live/{PUBLIC}/manifest.mpd")[0] == 200, 10, "the DASH manifest")
        playlist = ask(server, f"/live/{PUBLIC}/index.m3u8")[1]
        segment = next(line for line in playlist.splitlines() if line.endswith(".ts"))
        shown = subprocess.run(
            [
                *("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"),
                f"http://127.0.0.1:{server.media_port}/live/{PUBLIC}/{segment}",
            ],
            capture_output=True,
            text=True,
            timeout=20,
        )
        status, statistics = ask(server, "/stat", control=True, secret=SECRET)
    finally:
        encoder.send_signal(signal.SIGINT)
        encoder.wait(timeout=30)
    print(f"first playable segment after {took:.1f} s")

    assert took <= 4 or not is_quiet()
    assert {"h264", "aac"} <= set(re.findall(r"\w+", shown.stdout))
    assert status == 200
    assert f"<name>{PUBLIC}</name>" in statistics
    assert KEY not in statistics
    wait_for(lambda: len(web.names()) == 3, 15, "the end and the recording")
    assert web.names()[0] == ("publish", KEY)
    # They are two connections' news: either may come first.
    assert set(web.names()[1:]) == {("publish_done", KEY), ("record_done", PUBLIC)}
    assert {call["query"] for call in web.calls} == {f"secret={SECRET}"}
    [recording] = [Path(call["path"]) for call in web.calls if "path" in call]
    assert recording.parent == server.root / "recordings"
    assert recording.stat().st_size > 10_000
    assert not [path for path in server.root.rglob("*") if KEY in path.name]


def test_a_wrong_key_is_refused_and_leaves_nothing(server: MediaServerProcess) -> None:
    before = set(server.root.rglob("*"))

    assert publish(server.environment["RTMP_URL"], "sk_guessed", 3).wait(timeout=30) != 0
    assert set(server.root.rglob("*")) == before


def test_nobody_publishes_past_the_key_from_another_machine() -> None:
    (packager,) = re.findall(r"application pkg \{(.*?)\n        \}", TEMPLATE.read_text(), re.S)

    assert re.findall(r"(?:allow|deny) publish \S+;", packager) == [
        "allow publish 127.0.0.1;",
        "deny publish all;",
    ]


def test_control_and_statistics_want_the_secret(server: MediaServerProcess) -> None:
    assert ask(server, "/stat", control=True)[0] == 403
    assert ask(server, "/control/drop/publisher?app=live&name=x", control=True, secret="guess")[0] == 403
    assert ask(server, "/stat")[0] == 404
    assert ask(server, "/control/drop/publisher?app=live&name=x")[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/uploads/a/x.jpg", 200),
        ("/vods/stream-1.m3u8", 200),
        ("/uploads/.hidden", 404),
        ("/uploads/link.jpg", 403),
        ("/uploads/../private", 404),
        ("/uploads/", 404),
        ("/recordings/x.flv", 404),
        ("/dash/stream-1/index.mpd", 404),
        ("/", 404),
    ],
)
def test_viewers_get_what_is_meant_for_them_and_nothing_else(
    server: MediaServerProcess, path: str, status: int
) -> None:
    for name in ("uploads/a/x.jpg", "vods/stream-1.m3u8", "uploads/.hidden", "recordings/x.flv", "private"):
        (server.root / name).parent.mkdir(exist_ok=True)
        (server.root / name).write_text("content")
    link = server.root / "uploads" / "link.jpg"
    if not link.is_symlink():
        link.symlink_to("/etc/hostname")

    assert ask(server, path)[0] == status


def test_answers_carry_the_headers_that_browsers_need(server: MediaServerProcess) -> None:
    (server.root / "vods").mkdir(exist_ok=True)
    (server.root / "vods" / "stream-2.m3u8").write_text("#EXTM3U")
    url = f"http://127.0.0.1:{server.media_port}/vods/stream-2.m3u8"
    with urllib.request.urlopen(url, timeout=5) as answer:
        headers = answer.headers

    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"
    assert ask(server, "/vods/stream-2.m3u8", method="POST")[0] == 405


def test_the_proxy_example_is_valid_and_keeps_a_polling_client_on_one_process(
    tmp_path: Path,
) -> None:
    ports = [free_port() for _ in range(4)]
    proxy = free_port()
    example = (ROOT / "deploy/nginx/soukloop.conf").read_text()
    # Certificates are the operator's; the rest is as it stands.
    example = re.sub(r"ssl_\w+ .*;|listen \[::\]:\d+.*;", "", example)
    example = example.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    example = example.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{proxy};")
    example = example.replace(
        "server 127.0.0.1:8000 max_fails=2 fail_timeout=5s;",
        "".join(f"server 127.0.0.1:{port};" for port in ports),
    )
    answerers = "".join(
        f"server {{ listen 127.0.0.1:{port}; "
        f'return 200 "{port} $http_x_forwarded_for $http_x_forwarded_proto $http_connection"; }}'
        for port in ports
    )
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{ }}\n"
        f"http {{ access_log off; {temporary} {answerers}\n{example} }}"
    )
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], stderr=log)
    try:

        def fetch(path: str, host: str = "api.soukloop.example", **headers: str) -> str:
            url = f"http://127.0.0.1:{proxy}{path}"
            request = urllib.request.Request(url, headers={"Host": host, **headers})
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                return str(error.code)
            except OSError:
                return ""

        wait_for(lambda: fetch("/"), 20, "the proxy")
        polling = "/socket.io/?EIO=4&transport=polling"
        session = [polling, *[f"{polling}&sid=abc"] * 10, "/socket.io/?EIO=4&transport=websocket&sid=abc"]

        assert len({fetch(path).split()[0] for path in session}) == 1
        assert len({fetch("/api/v1/categories").split()[0] for _ in range(40)}) > 1
        assert len({fetch("/socket.io/?EIO=4&transport=websocket").split()[0] for _ in range(40)}) > 1
        assert fetch("/", **{"X-Forwarded-For": "6.6.6.6"}).split()[1:] == ["6.6.6.6,", "127.0.0.1", "http"]
        upgraded = fetch("/ws/", Upgrade="websocket", Connection="Upgrade")
        assert upgraded.split()[-1] == "upgrade"
        assert fetch("/internal/media/publish") == "404"
    finally:
        process.terminate()
        process.wait(timeout=10)
        log.close()
