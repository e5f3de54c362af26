"""Making replays, and deleting recordings."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.factories import client_for, make_seller, make_user
from livestream.media import recordings
from livestream.models import Replay
from livestream.services import replays, streams
from livestream.tests.factories import make_live_stream, make_publisher
from soukloop.core.errors import Forbidden

pytestmark = [pytest.mark.django_db, pytest.mark.media]


def test_only_staff_end_the_streams_of_others() -> None:
    stream = make_live_stream()
    with pytest.raises(Forbidden):
        streams.end_stream_by_staff(actor=make_seller(), stream_id=stream.pk, reason="Because")
    stream.refresh_from_db()
    assert stream.status == "live"


@pytest.mark.usefixtures("unreachable_media_server")
def test_a_stream_without_a_publisher_has_an_empty_replay(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    stream = make_live_stream()
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    replays.make_replay(stream_id=stream.pk)
    assert Replay.objects.get().state == "empty"
    data = client_for(make_user()).get(f"/api/v1/streams/{stream.pk}").json()["data"]
    assert data["vodUrl"] is None


@pytest.mark.usefixtures("unreachable_media_server")
def test_an_unreadable_recording_makes_an_empty_replay(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    stream = make_live_stream()
    make_publisher(stream)
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    recordings.folder().mkdir()
    (recordings.folder() / f"{stream.public_id}-1.flv").write_bytes(b"FLV\x01 and noise")
    replays.make_replay(stream_id=stream.pk)
    assert Replay.objects.get().state == "empty"
    assert recordings.of_stream(stream.public_id) == []


def set_job_status(status: str) -> None:
    with connection.cursor() as cursor:  # Procrastinate's models are read-only
        cursor.execute("UPDATE procrastinate_jobs SET status = %s", [status])


@pytest.mark.usefixtures("unreachable_media_server")
def test_a_replay_whose_job_was_lost_is_enqueued_again(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    stream = make_live_stream()
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    before = ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count()
    replays.resume_pending_replays()
    assert ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count() == before
    set_job_status("failed")
    Replay.objects.update(updated_at=timezone.now() - timedelta(minutes=1))
    replays.resume_pending_replays()
    replays.resume_pending_replays()
    assert ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count() == before + 1


@pytest.mark.usefixtures("unreachable_media_server")
@pytest.mark.parametrize(("status", "new"), [("failed", 1), ("todo", 0), ("doing", 0)])
def test_a_replay_that_was_cut_short_is_taken_up_within_a_minute_unless_its_job_still_runs(
    status: str, new: int
) -> None:
    stream = make_live_stream()
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    set_job_status(status)
    Replay.objects.update(state="processing", updated_at=timezone.now() - timedelta(seconds=30))
    before = ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count()
    replays.resume_pending_replays()
    assert ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count() == before + new


def test_the_sweep_keeps_only_needed_recordings(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    recordings.folder().mkdir()
    live = make_live_stream()
    unwanted = make_live_stream(record_stream=False)
    waiting, done = make_live_stream(), make_live_stream()
    for stream in (unwanted, waiting, done):
        streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    Replay.objects.filter(stream=done).update(state="ready")
    names = [f"{stream.public_id}-1.flv" for stream in (live, waiting, unwanted, done)]
    for name in (*names, "stream_0000-1.flv", "odd.flv"):
        (recordings.folder() / name).write_bytes(b"")
    assert replays.sweep_recordings() == 4
    assert sorted(path.name for path in recordings.folder().iterdir()) == sorted(names[:2])
