"""A dozen kinds of encoders at once, through the media server and the packager to their replays."""

import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller
from livestream.media.flv.repair import Section
from livestream.media.health import HealthWarning
from livestream.media.recordings import of_stream
from livestream.media.server import media_server
from livestream.models import Replay, Stream
from livestream.services import replays
from livestream.tests.dash_validator import DashValidator
from livestream.tests.encoders import CASES, Connection, Encoder, Shows, as_recorded, publish, shows
from livestream.tests.factories import make_stream
from livestream.tests.flv_files import media_of, read_tags, sections_of
from livestream.tests.hls_validator import HlsValidator
from livestream.tests.media import MediaServerProcess
from soukloop.realtime.testing.waiting import wait_until

pytestmark = pytest.mark.media

KEYS = {
    *("gop-2", "turned", "late-sound", "sound-only", "picture-stops", "mp3", "he-aac", "hevc", "enhanced"),
    *("clock-back", "variable-rate", "reconnects"),
}
# A busy machine sends late, and a warning may be over before it is asked for.
MAY_BE_TOLD = {HealthWarning.TOO_FAST_FOR_CONNECTION, HealthWarning.NO_MEDIA}


# Their warnings are over after two seconds; `test_encoders.py` asks in time.
SOON_OVER = ("late-sound", "picture-stops")


@dataclass
class Run:
    """One broadcast of the dozen."""

    case: Encoder
    stream: Stream
    key: str
    seller: APIClient
    connections: list[Connection]
    hls: HlsValidator
    dash: DashValidator
    told: set[str] = field(default_factory=set)
    thread: threading.Thread | None = None

    @property
    def is_shown(self) -> bool:
        return self.case.sections != (Shows.NOTHING,)

    def ask(self) -> None:
        """Read what the seller is told, and check what players get."""
        answer = self.seller.get(f"/api/v1/streams/{self.stream.pk}/health").json()["data"]
        self.told |= {warning["code"] for warning in answer["warnings"]}
        if self.hls.fetch(self.hls.url):
            self.hls.check()
            self.dash.check()


@pytest.fixture
def runs(media: MediaServerProcess, transactional_db: None) -> list[Run]:
    return [_start(media, case) for case in CASES if case.key in KEYS]


def _start(media: MediaServerProcess, case: Encoder) -> Run:
    seller = make_seller()
    stream = make_stream(seller=seller, title=case.key)
    client = client_for(seller)
    ready = {"camera_ready": True, "checklist_complete": True}
    key = client.post(f"/api/v1/streams/{stream.pk}/go-live", ready).json()["data"]["streamKey"]
    stream.refresh_from_db()
    addresses = client.get(f"/api/v1/streams/{stream.pk}").json()["data"]

    return Run(
        *(case, stream, key, client, case.connections()),
        HlsValidator(fetch, addresses["hlsUrl"]),
        DashValidator(fetch, addresses["dashUrl"]),
    )


def fetch(url: str) -> bytes | None:
    """Fetch a file as a viewer does; more slowly if that is too often for one address."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 429:
                return None
            time.sleep(0.5)


def test_viewers_and_sellers_get_what_the_table_says(media: MediaServerProcess, runs: list[Run]) -> None:
    assert {run.case.key for run in runs} == KEYS
    for run in runs:
        url = media.environment["RTMP_URL"]
        run.thread = threading.Thread(target=publish, args=[run.connections, url, run.key])
        run.thread.start()
    while any(run.thread and run.thread.is_alive() for run in runs):
        for run in runs:
            run.ask()
        time.sleep(1)
    for run in runs:
        _check_recording(run)
    for run in runs:
        if run.is_shown:
            _wait_until_packaged(run)
            run.ask()
    told = {run.case.key: set(run.told) - MAY_BE_TOLD for run in runs}
    wanted = {run.case.key: set(run.case.warnings) - MAY_BE_TOLD for run in runs}
    for key in SOON_OVER:
        assert told.pop(key) <= wanted.pop(key)
    assert told == wanted
    for run in runs:
        assert run.seller.post(f"/api/v1/streams/{run.stream.pk}/end").status_code == 200
    for run in runs:
        if run.is_shown:
            _wait_until_ended(run)
    for run in runs:
        _check_replay(run)


def _check_recording(run: Run) -> None:
    """Check that the media server recorded what `encoders.as_recorded` says."""
    paths = of_stream(run.stream.public_id)
    assert len(paths) == len(run.connections)
    if not run.is_shown:
        return  # disconnected in between
    for path, connection in zip(paths, run.connections, strict=True):
        recorded = read_tags(path)
        expected = as_recorded(message.tag for message in connection.messages)
        for kind in ("video", "audio"):
            assert [tag[1:3] for tag in media_of(recorded, kind)] == [
                tag[1:3] for tag in media_of(expected, kind)
            ]


def _sections(run: Run) -> list[Section]:
    return [
        section for path in of_stream(run.stream.public_id) for section, _ in sections_of(read_tags(path))
    ]


def _wait_until_packaged(run: Run) -> None:
    """Wait until players can fetch everything but the last second."""
    assert tuple(shows(section) for section in _sections(run)) == run.case.sections

    def is_packaged() -> bool:
        periods = run.dash.check()
        return sum(max(each.ends.values()) - each.start for each in periods.values()) >= run.case.seconds - 2

    wait_until(is_packaged, f"segments of {run.case.key}", 20)


def _wait_until_ended(run: Run) -> None:
    wait_until(lambda: run.dash.check() and run.dash.is_static, f"end of {run.case.key}", 20)
    assert {playlist.is_ended for playlist in run.hls.check().values()} == {True}


def _check_replay(run: Run) -> None:
    wait_until(lambda: run.stream.public_id not in media_server.recordings(), "closed recording")
    replays.make_replay(stream_id=run.stream.pk)
    replay = Replay.objects.get(stream=run.stream)
    if not run.is_shown:
        assert (replay.state, replay.reason) == (Replay.State.FAILED, Replay.Reason.UNSUPPORTED_CODEC)
        return
    assert replay.state == Replay.State.READY, run.case.key
    assert replay.duration_seconds == pytest.approx(run.case.seconds, abs=1.2)
