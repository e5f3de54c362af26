"""Clips: who may make and see them, and what they show."""

import subprocess
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as project_settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.services.moderation import ban_user, unban_user
from accounts.tests.factories import client_for, make_staff, make_user
from livestream.media import ffmpeg, recordings
from livestream.media.flv.tags import Tag
from livestream.models import Clip, Replay, Stream
from livestream.services import clips, streams
from livestream.tests.factories import make_live_stream, make_publisher, make_stream
from livestream.tests.flv_files import encode, flv_bytes, moved
from livestream.tests.media import point_replays_at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def vods(unreachable_media_server: None, settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.MEDIA_SECRET = "shared-by-tests"
    point_replays_at(settings, tmp_path / "vods")
    recordings.folder().mkdir()
    return tmp_path / "vods"


@pytest.fixture
def live() -> Stream:
    stream = make_live_stream(started_at=timezone.now() - timedelta(minutes=5))
    make_publisher(stream)
    return stream


def grey(level: int, seconds: int = 3, **more: Any) -> tuple[Tag, ...]:
    """A recording in one shade of grey, with a keyframe every two seconds."""
    return encode(
        *("-vf", f"lutyuv=y={level}:u=128:v=128"),
        seconds=seconds,
        video=("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50"),
        **more,
    )


def record(stream: Stream, tags: Iterable[Tag], number: int = 1) -> None:
    (recordings.folder() / f"{stream.public_id}-{number}.flv").write_bytes(flv_bytes(tags))


def request_clip(stream: Stream, start: float, end: float, **more: Any) -> Any:
    body = {"start_seconds": start, "end_seconds": end, **more}
    return client_for(stream.seller).post(f"/api/v1/streams/{stream.pk}/clips", body)


def shades(video: Path) -> list[int]:
    """Return the brightness of each picture, at 10 pictures a second."""
    output = subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-i", str(video), "-vf", "fps=10,scale=1:1:flags=area"),
            *("-f", "rawvideo", "-pix_fmt", "gray", "-"),
        ],
        check=True,
        capture_output=True,
    ).stdout
    return list(output)


def file_of(vods: Path, stream: Stream) -> Path:
    [path] = (vods / stream.public_id).glob("clip-*.mp4")
    return path


@pytest.mark.media
def test_a_clip_of_a_running_stream_shows_exactly_its_times(live: Stream, vods: Path, run_jobs: Any) -> None:
    record(live, [*grey(60), *moved(grey(200), 3040)])
    clip = request_clip(live, 2, 5, title="The blue ones").json()["data"]
    assert (clip["state"], clip["mp4Url"], clip["title"]) == ("waiting", None, "The blue ones")
    run_jobs()
    path = file_of(vods, live)
    assert ffmpeg.track_lengths(path) == pytest.approx({"video": 3.0, "audio": 3.0}, abs=0.1)
    seen = shades(path)
    assert len(seen) == pytest.approx(30, abs=2)
    assert [level < 130 for level in seen[:9]] == [True] * 9, "the first second is before the change"
    assert [level > 130 for level in seen[12:]] == [True] * len(seen[12:])
    shown = client_for(make_user()).get(f"/api/v1/streams/{live.pk}/clips/{clip['clipId']}").json()["data"]
    assert shown["state"] == "ready"
    assert shown["durationSeconds"] == pytest.approx(3, abs=0.1)
    assert shown["mp4Url"].endswith(f"/clips/{live.public_id}/clip-{UUID(clip['clipId']).hex}.mp4")
    assert shown["posterUrl"].endswith(".jpg")


@pytest.mark.media
def test_a_clip_across_a_reconnect_with_another_size_and_sound_is_whole(
    live: Stream, vods: Path, run_jobs: Any
) -> None:
    record(live, grey(60), 1)
    record(live, grey(200, size="90x160", sound_rate=48000), 2)
    request_clip(live, 1, 5)
    run_jobs()
    path = file_of(vods, live)
    assert ffmpeg.track_lengths(path) == pytest.approx({"video": 4.0, "audio": 4.0}, abs=0.15)
    assert ffmpeg.decode_errors([path.read_bytes()], folder=vods, seconds=4) == ""


@pytest.mark.media
def test_a_clip_of_a_replay_is_the_same_as_of_the_recording(live: Stream, vods: Path, run_jobs: Any) -> None:
    record(live, [*grey(60, 8), *moved(grey(200, 8), 8040)])
    request_clip(live, 7, 10)
    run_jobs()
    of_recording = shades(file_of(vods, live))
    Clip.objects.all().delete()
    file_of(vods, live).unlink()
    streams.end_stream(actor=live.seller, stream_id=live.pk)
    run_jobs()
    assert Replay.objects.get().state == "ready"
    assert recordings.of_stream(live.public_id) == []
    assert request_clip(live, 7, 10).status_code == 201
    run_jobs()
    of_replay = shades(file_of(vods, live))
    assert len(of_replay) == pytest.approx(len(of_recording), abs=1)
    changes = [next(n for n, level in enumerate(seen) if level > 130) for seen in (of_recording, of_replay)]
    assert changes[0] == pytest.approx(changes[1], abs=1)
    assert changes[0] == pytest.approx(10, abs=2)


@pytest.mark.media
def test_a_clip_beyond_what_was_recorded_fails_and_says_so_to_staff(live: Stream, run_jobs: Any) -> None:
    record(live, grey(60))
    request_clip(live, 100, 110)
    run_jobs()
    clip = Clip.objects.get()
    assert (clip.state, clip.duration_seconds) == ("failed", None)
    assert "3.0 s long" in clip.error


@pytest.mark.media
def test_a_withdrawn_stream_has_no_clips_until_the_ban_is_lifted(
    live: Stream, vods: Path, run_jobs: Any, client: Any
) -> None:
    record(live, grey(60))
    request_clip(live, 0, 2)
    run_jobs()
    url = client_for(make_user()).get(f"/api/v1/streams/{live.pk}/clips").json()["data"]["items"][0]["mp4Url"]
    token = url.removeprefix(project_settings.MEDIA_URL).split("/")[0]
    query = {"secret": "shared-by-tests", "token": token, "kind": "clips", "stream": live.public_id}
    assert client.get("/internal/media/playback", query).status_code == 204
    staff = make_staff()
    ban_user(actor=staff, user_id=live.seller_id, reason="Fraud")
    run_jobs()
    assert client.get("/internal/media/playback", query).status_code == 403
    assert [path for path in vods.rglob("*") if path.is_file()] == []
    unban_user(actor=staff, user_id=live.seller_id, reason="A mistake")
    run_jobs()
    assert file_of(vods, live).exists()
    assert Replay.objects.get().state == "ready"
    assert client.get("/internal/media/playback", query).status_code == 204


@pytest.mark.media
def test_the_clips_of_a_stream_that_staff_ended_are_withdrawn_also_for_its_seller(
    live: Stream, vods: Path, run_jobs: Any, client: Any
) -> None:
    record(live, grey(60))
    clip_id = request_clip(live, 0, 2).json()["data"]["clipId"]
    run_jobs()
    address = f"/api/v1/streams/{live.pk}/clips"
    [ready] = client_for(live.seller).get(address).json()["data"]["items"]
    assert ready["state"] == "ready"
    streams.end_stream_by_staff(actor=make_staff(), stream_id=live.pk, reason="Counterfeits")
    token = ready["mp4Url"].removeprefix(project_settings.MEDIA_URL).split("/")[0]
    query = {"secret": "shared-by-tests", "token": token, "kind": "clips", "stream": live.public_id}
    assert client.get("/internal/media/playback", query).status_code == 403
    run_jobs()
    [shown] = client_for(live.seller).get(address).json()["data"]["items"]
    assert (shown["state"], shown["mp4Url"], shown["posterUrl"]) == ("withdrawn", None, None)
    assert client_for(live.seller).get(f"{address}/{clip_id}").json()["data"]["state"] == "withdrawn"
    assert client_for(make_user()).get(address).json()["data"]["items"] == []
    assert [path for path in vods.rglob("*") if path.is_file()] == []


@pytest.mark.media
def test_a_deleted_clip_leaves_no_files(live: Stream, vods: Path, run_jobs: Any) -> None:
    record(live, grey(60))
    clip_id = request_clip(live, 0, 2).json()["data"]["clipId"]
    run_jobs()
    answer = client_for(live.seller).delete(f"/api/v1/streams/{live.pk}/clips/{clip_id}")
    assert answer.status_code == 204
    run_jobs()
    assert list((vods / live.public_id).iterdir()) == []
    assert not Clip.objects.exists()


@pytest.mark.media
def test_a_clip_deleted_while_it_is_made_leaves_no_files(
    live: Stream, vods: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(live, grey(60))
    clip_id = UUID(request_clip(live, 0, 2).json()["data"]["clipId"])
    save_poster = ffmpeg.save_poster

    def delete_meanwhile(*arguments: Any, **more: Any) -> None:
        save_poster(*arguments, **more)
        clips.delete_clip(actor=live.seller, stream_id=live.pk, clip_id=clip_id)

    monkeypatch.setattr(ffmpeg, "save_poster", delete_meanwhile)
    clips.make_clip(clip_id=clip_id)
    assert list((vods / live.public_id).iterdir()) == []


def test_an_error_is_tried_three_times_and_then_the_clip_fails(
    live: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **more: Any) -> None:
        raise ffmpeg.FfmpegError("broken")

    record(live, grey(60))
    clip_id = UUID(request_clip(live, 0, 2).json()["data"]["clipId"])
    monkeypatch.setattr(ffmpeg, "cut", broken)
    for _ in range(clips.ATTEMPTS_MAX - 1):
        with pytest.raises(ffmpeg.FfmpegError):
            clips.make_clip(clip_id=clip_id)
    clips.make_clip(clip_id=clip_id)
    clip = Clip.objects.get()
    assert (clip.state, clip.error) == ("failed", "broken")
    assert list(Path(project_settings.MEDIA_ROOT, "work").iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"start_seconds": 5, "end_seconds": 5.5},
        {"start_seconds": 5, "end_seconds": 4},
        {"start_seconds": 0, "end_seconds": 60.1},
        {"start_seconds": -1, "end_seconds": 4},
        {"start_seconds": True, "end_seconds": 4},
        {"start_seconds": 0, "end_seconds": "NaN"},
        {"start_seconds": 298, "end_seconds": 308},
    ],
)
def test_impossible_times_are_refused(live: Stream, body: dict[str, Any]) -> None:
    answer = client_for(live.seller).post(f"/api/v1/streams/{live.pk}/clips", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
    assert not Clip.objects.exists()


@pytest.mark.media
def test_a_clip_never_ends_behind_the_video(live: Stream, vods: Path, run_jobs: Any) -> None:
    record(live, grey(60))
    request_clip(live, 1, 10)
    run_jobs()
    clip = Clip.objects.get()
    assert clip.state == "ready"
    assert (clip.end_seconds, clip.duration_seconds) == pytest.approx((3, 2), abs=0.1)
    streams.end_stream(actor=live.seller, stream_id=live.pk)
    run_jobs()
    length = Replay.objects.get().duration_seconds
    assert length is not None
    data = request_clip(live, 1, length + 0.9).json()["data"]
    assert data["endSeconds"] == length
    assert request_clip(live, length - 0.5, length + 0.6).status_code == 400
    assert request_clip(live, 1, length + 1.1).status_code == 400


def test_only_streams_with_video_have_clips() -> None:
    scheduled = make_stream()
    unrecorded = make_live_stream(record_stream=False)
    ended = make_live_stream()
    streams.end_stream(actor=ended.seller, stream_id=ended.pk)
    for stream in (scheduled, unrecorded, ended):
        answer = request_clip(stream, 0, 2)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_video_to_clip")


def test_a_stream_has_a_limited_number_of_clips(live: Stream, settings: Any) -> None:
    settings.STREAM_CLIPS_MAX = 2
    assert [request_clip(live, 0, 2).status_code for _ in range(3)] == [201, 201, 409]
    Clip.objects.first().delete()  # type: ignore[union-attr]
    assert request_clip(live, 0, 2).status_code == 201


def test_a_repeated_request_makes_one_clip(live: Stream) -> None:
    client = client_for(live.seller)
    body = {"start_seconds": 0, "end_seconds": 2}
    for _ in range(2):
        answer = client.post(
            f"/api/v1/streams/{live.pk}/clips", body, headers={"Idempotency-Key": "5a4f6d1e-1"}
        )
        assert answer.status_code == 201
    assert Clip.objects.count() == 1


def test_only_the_seller_sees_clips_that_are_not_ready(live: Stream) -> None:
    clip_id = request_clip(live, 0, 2).json()["data"]["clipId"]
    address = f"/api/v1/streams/{live.pk}/clips"
    assert len(client_for(live.seller).get(address).json()["data"]["items"]) == 1
    stranger = client_for(make_user())
    assert stranger.get(address).json()["data"]["items"] == []
    answer = stranger.get(f"{address}/{clip_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "clip_not_found")


def test_followers_only_clips_are_for_followers() -> None:
    stream = make_live_stream(audience="followers")
    answer = client_for(make_user()).get(f"/api/v1/streams/{stream.pk}/clips")
    assert answer.json()["error"]["code"] == "followers_only"


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5), (0, 61)])
def test_the_database_refuses_impossible_clips(live: Stream, start: float, end: float) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Clip.objects.create(stream=live, start_seconds=start, end_seconds=end)


def test_a_clip_whose_job_was_lost_is_enqueued_again(live: Stream, run_jobs: Any) -> None:
    clip = Clip.objects.create(stream=live, start_seconds=0, end_seconds=2)
    clips.resume_pending_clips()
    assert run_jobs() == []
    Clip.objects.update(updated_at=timezone.now() - timedelta(minutes=2))
    record(live, grey(60))
    clips.resume_pending_clips()
    assert "livestream.make_clip" in run_jobs()
    clip.refresh_from_db()
    assert clip.state == "ready"
