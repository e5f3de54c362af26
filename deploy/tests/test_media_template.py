"""The media server's template and the proxy's example, with real nginx and a real encoder."""

import http.server
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from deploy.local import environment, media, packages, processes
from deploy.local.places import ROOT, Instance
from deploy.local.ports import private_port
from deploy.tests.instances import NGINX_MODULE, is_quiet, temporary_instance

NGINX = packages.find_program("nginx") or "nginx"
KEY, PUBLIC = "sk_the-key-that-nobody-sees", "stream-1"

pytestmark = [
    pytest.mark.media,
    pytest.mark.skipif(not NGINX_MODULE.exists(), reason="nginx has no RTMP module"),
]


@dataclass
class Web:
    """Stands in for the web process: lets the one key in under its public name."""

    port: int
    calls: list[dict[str, str]] = field(default_factory=list)

    def names(self) -> list[tuple[str, str]]:
        return [(call["event"], call["name"]) for call in self.calls]


@dataclass
class Server:
    """A media server that runs, and where it is."""

    values: dict[str, str]
    web: Web

    @property
    def root(self) -> Path:
        return Path(self.values["MEDIA_ROOT"])

    def get(
        self, path: str, *, control: bool = False, secret: str = "", method: str = "GET"
    ) -> tuple[int, str]:
        host = self.values["CONTROL_LISTEN"] if control else f"127.0.0.1:{self.values['MEDIA_PORT']}"
        headers = {"X-Media-Secret": secret} if secret else {}
        request = urllib.request.Request(f"http://{host}{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, ""

    def publish(self, key: str, seconds: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                *("ffmpeg", "-nostdin", "-loglevel", "error", "-re"),
                *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine"),
                *("-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
                *("-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv"),
                f"rtmp://127.0.0.1:{self.values['RTMP_PORT']}/live/{key}",
            ],
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with temporary_instance("selftest-media") as made:
        yield made


@pytest.fixture(scope="module")
def web(instance: Instance) -> Iterator[Web]:
    known = Web(private_port(instance.name, "web"))

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
def server(instance: Instance, web: Web) -> Iterator[Server]:
    values = {
        "RTMP_PORT": str(private_port(instance.name, "rtmp")),
        "MEDIA_PORT": str(private_port(instance.name, "media")),
        "CONTROL_LISTEN": f"127.0.0.1:{private_port(instance.name, 'media-control')}",
        "CALLBACK_URL": f"http://127.0.0.1:{web.port}",
        "RELAY_LISTEN": f"127.0.0.1:{private_port(instance.name, 'media-relay')}",
        "RESOLVER": "127.0.0.1",
        "MEDIA_SECRET": "shared",
        "MEDIA_ROOT": str(instance.data / "media"),
    }
    process = processes.start_logged(instance, media.service(instance, values))
    running = Server(values, web)
    wait_for(lambda: is_up(running), "the media server", 20)
    yield running
    processes.end(processes.records(instance))
    process.wait()


def is_up(server: Server) -> bool:
    try:
        return server.get("/healthz") == (200, "ok\n")
    except OSError:
        return False


def wait_for(condition: Callable[[], object], what: str, seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"{what} did not come within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


def test_make_run_fills_in_every_name_of_the_template(instance: Instance) -> None:
    # A KeyError is a name that nobody fills in.
    values = environment.of_media(instance, dict.fromkeys(environment.WRITTEN, "http://127.0.0.1:1"))
    rendered = media.render(media.TEMPLATE.read_text(), {**values, "STATE_DIR": "/state"})

    assert "${" not in rendered


def test_a_broadcast_is_watched_under_its_public_id_within_four_seconds(server: Server) -> None:
    encoder = server.publish(KEY, 40)
    try:
        took = wait_for(lambda: server.get(f"/live/{PUBLIC}/index.m3u8")[0] == 200, "the first segment", 30)
        wait_for(lambda: server.get(f"/live/{PUBLIC}/manifest.mpd")[0] == 200, "the DASH manifest", 10)
        playlist = server.get(f"/live/{PUBLIC}/index.m3u8")[1]
        segment = next(line for line in playlist.splitlines() if line.endswith(".ts"))
        shown = subprocess.run(
            [
                *("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"),
                f"http://127.0.0.1:{server.values['MEDIA_PORT']}/live/{PUBLIC}/{segment}",
            ],
            capture_output=True,
            text=True,
            timeout=20,
        )
        status, statistics = server.get("/stat", control=True, secret="shared")
    finally:
        encoder.send_signal(signal.SIGINT)
        encoder.wait(timeout=30)
    print(f"first playable segment after {took:.1f} s")

    assert took <= 4 or not is_quiet()
    assert {"h264", "aac"} <= set(re.findall(r"\w+", shown.stdout))
    assert status == 200
    assert f"<name>{PUBLIC}</name>" in statistics
    assert KEY not in statistics
    wait_for(lambda: len(server.web.names()) == 3, "the end and the recording", 15)
    assert server.web.names()[0] == ("publish", KEY)
    # They are two connections' news: either may come first.
    assert set(server.web.names()[1:]) == {("publish_done", KEY), ("record_done", PUBLIC)}
    assert {call["query"] for call in server.web.calls} == {"secret=shared"}
    [recording] = [Path(call["path"]) for call in server.web.calls if "path" in call]
    assert recording.parent == server.root / "recordings"
    assert recording.stat().st_size > 10_000
    assert not [path for path in server.root.rglob("*") if KEY in path.name]


def test_a_wrong_key_is_refused_and_leaves_nothing(server: Server) -> None:
    before = set(server.root.rglob("*"))

    assert server.publish("sk_guessed", 3).wait(timeout=30) != 0
    assert set(server.root.rglob("*")) == before


def test_nobody_publishes_past_the_key_from_another_machine(server: Server) -> None:
    rendered = media.render(media.TEMPLATE.read_text(), {**server.values, "STATE_DIR": "/state"})
    (packager,) = re.findall(r"application pkg \{(.*?)\n        \}", rendered, re.S)

    assert re.findall(r"(?:allow|deny) publish \S+;", packager) == [
        "allow publish 127.0.0.1;",
        "deny publish all;",
    ]


def test_control_and_statistics_want_the_secret(server: Server) -> None:
    assert server.get("/stat", control=True)[0] == 403
    assert server.get("/control/drop/publisher?app=live&name=x", control=True, secret="guess")[0] == 403
    assert server.get("/stat")[0] == 404
    assert server.get("/control/drop/publisher?app=live&name=x")[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/uploads/a/x.jpg", 200),
        ("/vods/stream-1.m3u8", 200),
        ("/uploads/.hidden", 404),
        ("/uploads/link.jpg", 403),
        ("/uploads/../media-server/nginx.conf", 404),
        ("/uploads/", 404),
        ("/recordings/x.flv", 404),
        ("/dash/stream-1/index.mpd", 404),
        ("/", 404),
    ],
)
def test_viewers_get_what_is_meant_for_them_and_nothing_else(server: Server, path: str, status: int) -> None:
    for name in ("uploads/a/x.jpg", "vods/stream-1.m3u8", "uploads/.hidden", "recordings/x.flv"):
        (server.root / name).parent.mkdir(exist_ok=True)
        (server.root / name).write_text("content")
    link = server.root / "uploads" / "link.jpg"
    if not link.is_symlink():
        link.symlink_to("/etc/hostname")

    assert server.get(path)[0] == status


def test_answers_carry_the_headers_that_browsers_need(server: Server) -> None:
    (server.root / "vods").mkdir(exist_ok=True)
    (server.root / "vods" / "stream-2.m3u8").write_text("#EXTM3U")
    url = f"http://127.0.0.1:{server.values['MEDIA_PORT']}/vods/stream-2.m3u8"
    with urllib.request.urlopen(url, timeout=5) as answer:
        headers = answer.headers

    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"
    assert server.get("/vods/stream-2.m3u8", method="POST")[0] == 405


def test_the_proxy_example_is_valid_and_keeps_a_polling_client_on_one_process(
    instance: Instance, tmp_path: Path
) -> None:
    ports = [private_port(instance.name, f"process-{number}") for number in range(4)]
    proxy = private_port(instance.name, "proxy")
    example = (ROOT / "deploy/nginx/soukloop.conf").read_text()
    # Certificates are the operator's; the rest is as it stands.
    example = re.sub(r"ssl_\w+ .*;|listen \[::\]:\d+.*;", "", example)
    example = example.replace("listen 80;", f"listen 127.0.0.1:{private_port(instance.name, 'redirect')};")
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
    process = subprocess.Popen([NGINX, "-p", tmp_path, "-c", tmp_path / "nginx.conf"], stderr=log)
    try:

        def ask(path: str, host: str = "api.soukloop.example", **headers: str) -> str:
            url = f"http://127.0.0.1:{proxy}{path}"
            request = urllib.request.Request(url, headers={"Host": host, **headers})
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                return str(error.code)
            except OSError:
                return ""

        wait_for(lambda: ask("/"), "the proxy", 20)
        polling = "/socket.io/?EIO=4&transport=polling"
        session = [polling, *[f"{polling}&sid=abc"] * 10, "/socket.io/?EIO=4&transport=websocket&sid=abc"]

        assert len({ask(path).split()[0] for path in session}) == 1
        assert len({ask("/api/v1/categories").split()[0] for _ in range(40)}) > 1
        assert len({ask("/socket.io/?EIO=4&transport=websocket").split()[0] for _ in range(40)}) > 1
        assert ask("/", **{"X-Forwarded-For": "6.6.6.6"}).split()[1:] == ["6.6.6.6,", "127.0.0.1", "http"]
        upgraded = ask("/ws/", Upgrade="websocket", Connection="Upgrade")
        assert upgraded.split()[-1] == "upgrade"
        assert ask("/internal/media/publish") == "404"
    finally:
        process.terminate()
        process.wait(timeout=10)
        log.close()
