"""The media server's template and the proxy's example, with real nginx; livestream/ tests broadcasts."""

import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.instance import ROOT
from livestream.tests.media import SECRET, MediaServerProcess
from soukloop.realtime.testing.servers import free_port
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.media


@pytest.fixture(scope="module")
def server() -> Iterator[MediaServerProcess]:
    # Not one of pytest's folders: other users, as nginx runs as, may not enter those.
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        server = MediaServerProcess(Path(root))
        server.start("http://127.0.0.1:9")
        yield server
        server.stop()
    shutil.rmtree(server.state)


def fetch(url: str, *, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Ask for a page; answers 0 where nobody does."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        request = urllib.request.Request(url, headers=names, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def test_nobody_publishes_past_the_key() -> None:
    template = (ROOT / "deploy/media/ingest.conf.template").read_text()
    assert re.findall(r"application (\w+) \{", template) == ["live"]
    assert "on_publish http://" in template


def test_control_and_statistics_want_the_secret(server: MediaServerProcess) -> None:
    for path in ("/stat", "/control/drop/publisher?app=live&name=x"):
        control = f"http://127.0.0.1:{server.control_port}{path}"
        assert fetch(control, X_Media_Secret="guess")[0] == fetch(control)[0] == 403
        assert fetch(control, X_Media_Secret=SECRET)[0] == 200
        assert fetch(f"http://127.0.0.1:{server.media_port}{path}", X_Media_Secret=SECRET)[0] == 404


def test_viewers_get_what_is_meant_for_them_and_nothing_else(server: MediaServerProcess) -> None:
    meant = ["uploads/a/x.jpg", "uploads/a/y.webp"]
    hidden = ["uploads/.hidden", "recordings/x.flv", "work/x.mp4", "private"]
    for name in (*meant, *hidden):
        (server.root / name).parent.mkdir(parents=True, exist_ok=True)
        (server.root / name).write_text("content")
    (server.root / "uploads" / "link.jpg").symlink_to("/etc/hostname")
    asked = [*meant, "uploads/link.jpg", *hidden, "uploads/../private", "uploads/", ""]
    url = f"http://127.0.0.1:{server.media_port}/"
    headers = dict(urllib.request.urlopen(url + meant[1], timeout=5).headers)
    expected = {
        "Content-Type": "image/webp",
        "Access-Control-Allow-Origin": "*",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "public, max-age=31536000, immutable",
    }
    assert [fetch(url + path)[0] for path in asked] == [200, 200, 403, *[404] * 7]
    assert fetch(url + meant[1], method="POST")[0] == 405
    assert headers | expected == headers


@pytest.mark.parametrize("name", ["soukloop.conf", "compose.conf.template"])
def test_a_proxy_is_valid_and_keeps_a_polling_client_on_one_process(tmp_path: Path, name: str) -> None:
    proxy, *ports = (free_port() for _ in range(5))
    # Certificates are the operator's; the rest is as it stands.
    conf = (ROOT / "deploy/nginx" / name).read_text()
    example = re.sub(r"ssl_\w+ .*;|listen \[::\]:\d+.*;", "", conf)
    example = example.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    example = re.sub(r"listen (443 ssl http2|8000);", f"listen 127.0.0.1:{proxy};", example)
    servers = "".join(f"server 127.0.0.1:{port};" for port in ports)
    example, replaced = re.subn(
        r"server (127.0.0.1:8000|app:\S+) max_fails=2 fail_timeout=5s;", servers, example
    )
    assert replaced == 1
    for included in (ROOT / "deploy/nginx").glob("*.inc"):
        (tmp_path / included.name).write_text(included.read_text())
    answerers = "".join(
        f"server {{ listen 127.0.0.1:{port}; "
        f'return 200 "{port} $http_x_forwarded_for $http_x_forwarded_proto '
        '$http_connection,$http_upgrade"; }'
        for port in ports
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {tmp_path};" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{ }}\n"
        f"http {{ access_log off; {temporary} {answerers}\n{example} }}"
    )

    def ask(path: str, **headers: str) -> list[str]:
        return fetch(f"http://127.0.0.1:{proxy}{path}", Host="api.soukloop.example", **headers)[1].split()

    process = subprocess.Popen(["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"])
    try:
        wait_until(lambda: ask("/"), "the proxy", 20)
        polling = "/socket.io/?EIO=4&transport=polling"
        session = [polling, *[f"{polling}&sid=abc"] * 10, "/socket.io/?EIO=4&transport=websocket&sid=abc"]
        assert len({ask(path)[0] for path in session}) == 1
        assert len({ask("/api/v1/categories")[0] for _ in range(40)}) > 1
        assert len({ask("/socket.io/?EIO=4&transport=websocket")[0] for _ in range(40)}) > 1
        assert ask("/", X_Forwarded_For="6.6.6.6")[1:] == ["6.6.6.6,", "127.0.0.1", "http", ","]
        offer = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert ask("/ws/", **offer)[-1] == "upgrade,websocket"
        assert ask("/socket.io/?EIO=4&transport=websocket", **offer)[-1] == "upgrade,websocket"
        for path in ("/", "/api/v1/categories", "/wsx/"):
            assert ask(path, Connection="Upgrade, HTTP2-Settings", Upgrade="h2c")[-1] == ","
        internal = f"http://127.0.0.1:{proxy}/internal/media/publish"
        assert fetch(internal, Host="api.soukloop.example")[0] == 404
    finally:
        process.terminate()
        process.wait(timeout=10)
