"""No stream begins that can't be recorded."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from accounts.tests.factories import client_for
from livestream.media.server import MediaServer, media_server
from livestream.models import Replay, Stream
from livestream.tests.factories import make_stream
from livestream.tests.media import MediaServerProcess

READY = {"camera_ready": True, "checklist_complete": True}


def go_live(stream: Stream) -> Any:
    return client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/go-live", READY)


@pytest.mark.django_db
@pytest.mark.usefixtures("unreachable_media_server")
def test_a_stream_does_not_begin_without_space(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "recordings").mkdir()
    stream = make_stream()
    settings.DISK_FREE_MIN_BYTES = shutil.disk_usage(tmp_path).total
    answer = go_live(stream)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "media_storage_full")
    stream.refresh_from_db()
    assert (stream.status, stream.key_digest) == ("scheduled", None)
    assert not Replay.objects.exists()
    settings.DISK_FREE_MIN_BYTES = 1
    assert go_live(stream).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "answered"),
    [(500, 503), (507, 503), (409, 503), (201, 200), (204, 200), (404, 200), (403, 200)],
)
def test_only_a_media_server_that_says_it_cannot_record_stops_a_stream(
    monkeypatch: pytest.MonkeyPatch, status: int, answered: int
) -> None:
    monkeypatch.setattr(MediaServer, "_send", lambda self, method, path, **more: (status, b""))
    answer = go_live(make_stream())
    assert answer.status_code == answered
    if answered == 503:
        assert answer.json()["error"]["code"] == "media_storage_unwritable"


@pytest.mark.media
def test_the_media_server_knows_whether_it_can_record(
    media: MediaServerProcess, transactional_db: None
) -> None:
    folder = media.root / "recordings"
    assert media_server.can_record()
    assert media_server.can_record(), "also the second time"
    folder.rename(media.root / "elsewhere")
    assert not media_server.can_record()
    folder.mkdir(mode=0o500)
    if os.geteuid() != 0 or folder.stat().st_uid == 0:
        assert not media_server.can_record()
