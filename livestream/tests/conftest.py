"""Fixtures of live streams, viewers, a media server with a web process, and a function that runs jobs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import exceptions as redis_exceptions

from accounts.models import User
from accounts.tests.factories import make_user
from livestream import live_counts
from livestream.models import Stream
from livestream.tests.factories import make_live_stream
from livestream.tests.media import SECRET, MediaServerProcess, point_replays_at
from soukloop.realtime.testing.servers import ServerProcess


@pytest.fixture
def stream() -> Stream:
    return make_live_stream()


@pytest.fixture
def viewer() -> User:
    return make_user(neighborhood="Dubai Marina")


@pytest.fixture(scope="session")
def media_process(django_db_setup: None) -> Iterator[MediaServerProcess]:
    root = Path(tempfile.mkdtemp(prefix="media-root-"))
    root.chmod(0o755)
    server = MediaServerProcess(root)
    yield server
    server.stop()
    server.kill_packager()
    shutil.rmtree(root)
    shutil.rmtree(server.state)


@pytest.fixture
def web(
    media_process: MediaServerProcess, live_server_process: Callable[..., list[ServerProcess]], settings: Any
) -> ServerProcess:
    """A web process configured for the media server, as is the test's own process."""
    point_settings_at(settings, media_process)
    return live_server_process(environment=media_process.environment)[0]


@pytest.fixture
def media(media_process: MediaServerProcess, web: ServerProcess) -> Iterator[MediaServerProcess]:
    """The media server and the packager, running, without publishers or files."""
    media_process.stop()
    for name in ("recordings", "vods", "work"):
        shutil.rmtree(media_process.root / name, ignore_errors=True)
    for path in (media_process.root / "live").glob("*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != "packager.lock":  # which the paused packager holds
            path.unlink(missing_ok=True)
    media_process.start(web.url)
    media_process.start_packager()
    yield media_process
    # The tables are emptied after this, without a reader in between.
    media_process.pause_packager()


@pytest.fixture
def unreachable_media_server(settings: Any) -> None:
    settings.MEDIA_CONTROL_URL = "http://127.0.0.1:9"  # the discard port, on which nothing listens


def point_settings_at(settings: Any, server: MediaServerProcess) -> None:
    environment = server.environment
    settings.MEDIA_ROOT = server.root
    settings.MEDIA_SECRET = SECRET
    settings.MEDIA_CONTROL_URL = environment["MEDIA_CONTROL_URL"]
    settings.MEDIA_URL = environment["MEDIA_URL"]
    settings.RTMP_URL = environment["RTMP_URL"]
    point_replays_at(settings, server.root / "vods", f"{environment['MEDIA_URL']}vods/")


def make_redis_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every call of `live_counts` fail as if Redis were down."""

    def unavailable() -> None:
        raise redis_exceptions.ConnectionError

    monkeypatch.setattr(live_counts, "redis_client", unavailable)
