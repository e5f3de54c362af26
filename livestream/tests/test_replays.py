"""Making replays, and deleting recordings."""

import errno
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.factories import client_for, make_seller, make_user
from livestream.media import ffmpeg, recordings
from livestream.media.flv.tags import Tag
from livestream.models import Replay, Stream
from livestream.services import replay_steps, replays, streams
from livestream.tests.factories import make_live_stream, make_publisher
from livestream.tests.flv_files import encode, flv_bytes
from livestream.tests.media import point_replays_at, record
from notifications.models import Notification
from notifications.tests.factories import text_of
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


@pytest.fixture
def ended(unreachable_media_server: None, settings: Any, tmp_path: Any) -> Stream:
    """A stream that had an encoder and was ended by its seller; its folder of recordings is empty."""
    settings.MEDIA_ROOT = tmp_path
    point_replays_at(settings, tmp_path / "vods")
    stream = make_live_stream()
    make_publisher(stream)
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    recordings.folder().mkdir()
    return stream


def attempt(stream: Stream, times: int = 1) -> Replay:
    for _ in range(times):
        replays.make_replay(stream_id=stream.pk)
    return Replay.objects.get(stream=stream)


def seen_by_seller(stream: Stream) -> dict[str, Any]:
    data: dict[str, Any] = client_for(stream.seller).get(f"/api/v1/streams/{stream.pk}/replay").json()["data"]
    return data


def test_a_connection_that_sent_nothing_has_an_empty_replay(ended: Stream) -> None:
    for number, header in enumerate((b"", b"FLV\x01\x05\0\0\0\x09\0\0\0\0")):
        (recordings.folder() / f"{ended.public_id}-{number}.flv").write_bytes(header)
    assert attempt(ended).state == "empty"
    assert recordings.of_stream(ended.public_id) == []
    assert not Notification.objects.exists()


def test_an_unreadable_recording_is_tried_again_then_kept_and_the_seller_is_notified(ended: Stream) -> None:
    recording = recordings.folder() / f"{ended.public_id}-1.flv"
    recording.write_bytes(b"FLV\x01 and noise")
    assert attempt(ended, replays.ATTEMPTS_MAX - 1).state == "waiting"
    assert not Notification.objects.exists()
    replay = attempt(ended)
    assert (replay.state, replay.reason) == ("failed", "recording_unreadable")
    assert recording.exists()
    data = seen_by_seller(ended)
    assert (data["state"], data["reason"]) == ("failed", "recording_unreadable")
    notification = Notification.objects.get()
    assert (notification.user_id, notification.kind) == (ended.seller_id, "replay_failed")
    assert text_of(notification).body == data["message"] == "What the encoder sent can't be read."
    assert replays.sweep_recordings() == 0


def test_a_codec_that_cannot_be_shown_fails_at_once_and_the_seller_reads_what_to_do(ended: Stream) -> None:
    recording = recordings.folder() / f"{ended.public_id}-1.flv"
    frames = [Tag("video", 40 * number, b"\x91hvc1" + bytes(100), 0, 0) for number in range(50)]
    recording.write_bytes(flv_bytes([Tag("video", 0, b"\x90hvc1" + bytes(30), 0, 0), *frames]))
    replay = attempt(ended)
    assert (replay.state, replay.reason) == ("failed", "unsupported_codec")
    assert "hevc" in replay.error
    assert recording.exists()
    data = seen_by_seller(ended)
    assert (data["reason"], data["vodUrl"]) == ("unsupported_codec", None)
    assert "H.264" in text_of(Notification.objects.get()).body


def test_an_encoder_that_left_no_recording_makes_the_replay_fail(ended: Stream) -> None:
    assert attempt(ended).state == "waiting"
    Stream.objects.update(ended_at=timezone.now() - timedelta(minutes=3))
    replay = attempt(ended)
    assert (replay.state, replay.reason) == ("failed", "recording_missing")
    assert Notification.objects.get().kind == "replay_failed"


def full_disk(*arguments: Any, **more: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed(*arguments: Any, **more: Any) -> None:
    raise ffmpeg.FfmpegInterrupted("ffmpeg ended with -9")


def broken_storage(*arguments: Any, **more: Any) -> None:
    raise RuntimeError("the bucket is away")


def test_an_error_of_our_own_is_tried_again_and_then_told(
    ended: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> None:
        raise IndexError("a mistake")

    record(recordings.folder() / f"{ended.public_id}-1.flv", 1)
    monkeypatch.setattr(replay_steps, "read_contents", broken)
    assert attempt(ended, replays.ATTEMPTS_MAX - 1).state == "waiting"
    replay = attempt(ended)
    assert (replay.state, replay.reason, replay.error) == ("failed", "processing_failed", "a mistake")
    assert len(recordings.of_stream(ended.public_id)) == 1


@pytest.mark.parametrize(
    ("owner", "name", "failure"),
    [
        (ffmpeg, "segment", full_disk),
        (ffmpeg, "mux", killed),
        (FileSystemStorage, "save", broken_storage),
        (FileSystemStorage, "save", full_disk),
    ],
)
def test_what_may_pass_is_tried_for_a_day_and_nothing_is_lost(
    ended: Stream, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, failure: Any
) -> None:
    record(recordings.folder() / f"{ended.public_id}-1.flv", 2)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failure)
        replay = attempt(ended, replays.ATTEMPTS_MAX + 1)
    assert replay.state == "waiting"
    assert replay.error
    assert len(recordings.of_stream(ended.public_id)) == 1
    replay = attempt(ended)
    assert (replay.state, replay.error, replay.reason) == ("ready", "", "")
    assert replay.checked_at is not None
    assert recordings.of_stream(ended.public_id) == []


def test_a_folder_that_cannot_be_written_loses_no_replay(ended: Stream, tmp_path: Any) -> None:
    record(recordings.folder() / f"{ended.public_id}-1.flv", 2)
    (tmp_path / "work").write_text("not a folder")
    assert attempt(ended, replays.ATTEMPTS_MAX + 1).state == "waiting"
    (tmp_path / "work").unlink()
    assert attempt(ended).state == "ready"


def test_a_worker_on_another_machine_begins_again_and_one_on_this_goes_on(
    ended: Stream, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    record(recordings.folder() / f"{ended.public_id}-1.flv", 1)
    save = FileSystemStorage.save

    def away_after_the_video(storage: Any, name: str, *arguments: Any, **more: Any) -> Any:
        if name.endswith(".jpg"):
            raise OSError("the bucket is away")
        return save(storage, name, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "save", away_after_the_video)
        assert attempt(ended).step == "poster"
    with monkeypatch.context() as patch:
        patch.delattr(ffmpeg, "mux")
        assert attempt(ended).state == "ready"
    Replay.objects.update(state="waiting", step="poster", checked_at=None)
    record(recordings.folder() / f"{ended.public_id}-1.flv", 1)
    shutil.rmtree(tmp_path / "work" / ended.public_id, ignore_errors=True)
    replay = attempt(ended)
    assert (replay.state, replay.step) == ("ready", "check")


def test_a_failed_replay_leaves_only_its_recordings(ended: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **more: Any) -> None:
        raise ffmpeg.FfmpegError("broken")

    record(recordings.folder() / f"{ended.public_id}-1.flv", 1)
    monkeypatch.setattr(ffmpeg, "segment", broken)
    assert attempt(ended, replays.ATTEMPTS_MAX).state == "failed"
    assert list((recordings.folder().parent / "work").iterdir()) == []
    assert len(recordings.of_stream(ended.public_id)) == 1


def test_a_published_video_with_errors_is_made_again_then_fails_and_keeps_its_recordings(
    ended: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(recordings.folder() / f"{ended.public_id}-1.flv", 2)
    monkeypatch.setattr(ffmpeg, "decode_errors", lambda *arguments, **more: "error while decoding MB 3 4")
    replay = attempt(ended)
    assert (replay.state, replay.step, replay.checked_at) == ("waiting", "", None)
    assert seen_by_seller(ended)["vodUrl"] is None
    replay = attempt(ended)
    assert (replay.state, replay.reason, replay.checked_at) == ("failed", "processing_failed", None)
    assert "error while decoding MB 3 4" in replay.error
    assert Notification.objects.filter(kind="replay_failed", user=ended.seller_id).count() == 1
    assert len(recordings.of_stream(ended.public_id)) == 1
    assert replays.sweep_recordings() == 0


def test_a_recording_with_damaged_pictures_becomes_a_replay_without_errors(
    ended: Stream, tmp_path: Path
) -> None:
    tags = [
        tag._replace(payload=tag.payload[:20] + bytes(len(tag.payload) - 20))
        if tag.kind == "video" and tag.payload[1] == 1 and number % 40 > 20
        else tag
        for number, tag in enumerate(encode(seconds=4))
    ]
    (recordings.folder() / f"{ended.public_id}-1.flv").write_bytes(flv_bytes(tags))
    assert attempt(ended).state == "waiting"
    replay = attempt(ended)
    assert (replay.state, replay.error) == ("ready", "")
    assert replay.checked_at is not None
    video = tmp_path / "vods" / ended.public_id / "video.mp4"
    assert ffmpeg.track_lengths(video) == pytest.approx({"video": 4, "audio": 4}, abs=0.5)
    assert recordings.of_stream(ended.public_id) == []


def test_a_check_that_was_killed_is_repeated(ended: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    record(recordings.folder() / f"{ended.public_id}-1.flv", 2)
    with monkeypatch.context() as patch:
        patch.setattr(ffmpeg, "decode_errors", killed)
        replay = attempt(ended, 2)
    assert (replay.state, replay.step, replay.checked_at) == ("ready", "publish", None)
    replay = attempt(ended)
    assert (replay.state, replay.step) == ("ready", "check")
    assert replay.checked_at is not None


@pytest.mark.parametrize(
    ("attempts", "seconds", "is_due"), [(1, 21, 1), (3, 21, 0), (3, 81, 1), (90, 601, 1)]
)
def test_each_wait_for_the_next_attempt_is_longer(
    ended: Stream, attempts: int, seconds: int, is_due: int
) -> None:
    set_job_status("failed")
    Replay.objects.update(attempts=attempts, updated_at=timezone.now() - timedelta(seconds=seconds))
    before = ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count()
    replays.resume_pending_replays()
    assert ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count() == before + is_due


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
    Replay.objects.filter(stream=done).update(state="ready", checked_at=timezone.now())
    names = [f"{stream.public_id}-1.flv" for stream in (live, waiting, unwanted, done)]
    for name in (*names, "stream_0000-1.flv", "odd.flv"):
        (recordings.folder() / name).write_bytes(b"")
    assert replays.sweep_recordings() == 4
    assert sorted(path.name for path in recordings.folder().iterdir()) == sorted(names[:2])
