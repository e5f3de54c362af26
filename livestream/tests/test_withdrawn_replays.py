"""Replays that nobody may fetch any more: of streams ended by staff, and of closed accounts."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.services.deletion import delete_account
from accounts.services.moderation import ban_user, unban_user
from accounts.tests.factories import PASSWORD, client_for, make_staff, make_user
from livestream.media import recordings, replay_files
from livestream.models import Replay, Stream
from livestream.services import replays, streams, withdrawn_replays
from livestream.tests.factories import make_live_stream, make_publisher
from livestream.tests.media import point_replays_at, record
from notifications.models import Notification
from soukloop.core.errors import Conflict, Forbidden

pytestmark = [pytest.mark.django_db, pytest.mark.media]


@pytest.fixture(autouse=True)
def vods(unreachable_media_server: None, settings: Any, tmp_path: Path) -> Path:
    """The folder that is served to viewers."""
    settings.MEDIA_ROOT = tmp_path
    point_replays_at(settings, tmp_path / "vods")
    recordings.folder().mkdir()
    return tmp_path / "vods"


@pytest.fixture
def recorded() -> Stream:
    """A live stream with a recording of two seconds."""
    stream = make_live_stream()
    make_publisher(stream)
    record(recordings.folder() / f"{stream.public_id}-1.flv", 2)
    return stream


@pytest.fixture
def ready(recorded: Stream, run_jobs: Any) -> Stream:
    """An ended stream whose replay is ready."""
    streams.end_stream(actor=recorded.seller, stream_id=recorded.pk)
    run_jobs()
    assert Replay.objects.get().state == "ready"
    return recorded


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_stream_ended_by_staff_has_no_replay_and_its_seller_reads_why(
    recorded: Stream, vods: Path, run_jobs: Any, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        streams.end_stream_by_staff(actor=make_staff(), stream_id=recorded.pk, reason="Counterfeits")
        run_jobs()
        replays.resume_pending_replays()
        run_jobs()
    assert files_in(vods) == set()
    data = client_for(recorded.seller).get(f"/api/v1/streams/{recorded.pk}/replay").json()["data"]
    assert (data["state"], data["reason"], data["vodUrl"]) == ("withdrawn", "ended_by_staff", None)
    assert data["message"] == "Our staff ended this stream, so it has no replay."
    kinds = [notification.kind for notification in Notification.objects.filter(user=recorded.seller)]
    assert kinds == ["stream_ended_by_staff"]
    inbox = client_for(recorded.seller).get("/api/v1/notifications").json()["data"]["items"]
    assert inbox[0]["title"] == "Our staff ended your stream"
    for words in (recorded.title, "Counterfeits"):
        assert words in inbox[0]["body"]
    ended = [data for _, event, data in captured_events if event == "stream:ended"]
    assert ended
    assert all(data["vodUrl"] is None for data in ended)
    assert "stream:replay_ready" not in {event for _, event, _ in captured_events}
    stream = client_for(make_user()).get(f"/api/v1/streams/{recorded.pk}").json()["data"]
    assert (stream["vodUrl"], stream["canWatch"]) == (None, False)
    assert len(recordings.of_stream(recorded.public_id)) == 1, "kept, where nobody can fetch it"


def test_a_ban_hides_the_seller_s_replays_and_lifting_it_shows_them_again(
    ready: Stream, vods: Path, run_jobs: Any
) -> None:
    before = files_in(vods)
    assert f"{ready.public_id}.m3u8" in before
    staff = make_staff()
    ban_user(actor=staff, user_id=ready.seller_id, reason="Fraud")
    run_jobs()
    assert files_in(vods) == set()
    assert client_for(make_user()).get(f"/api/v1/streams/{ready.pk}/replay").status_code == 404
    assert Replay.objects.get().reason == "account_banned"
    assert replays.make_replay(stream_id=ready.pk)
    assert files_in(vods) == set()
    unban_user(actor=staff, user_id=ready.seller_id, reason="A mistake")
    run_jobs()
    assert files_in(vods) == before
    data = client_for(make_user()).get(f"/api/v1/streams/{ready.pk}/replay").json()["data"]
    assert (data["state"], data["reason"]) == ("ready", None)
    replays_told = Notification.objects.filter(kind="replay_ready").count()
    assert replays_told == 1, "it isn't announced twice"


def test_the_replay_of_a_deleted_account_is_withdrawn_and_its_files_go_after_30_days(
    ready: Stream, vods: Path, run_jobs: Any, tmp_path: Path
) -> None:
    delete_account(actor=ready.seller, password=PASSWORD)
    run_jobs()
    assert files_in(vods) == set()
    assert Replay.objects.get().reason == "account_deleted"
    assert withdrawn_replays.delete_withdrawn_files() == 0
    assert files_in(tmp_path / "withdrawn" / ready.public_id)
    Replay.objects.update(withdrawn_at=timezone.now() - timedelta(days=31))
    assert withdrawn_replays.delete_withdrawn_files() == 1
    assert files_in(tmp_path / "withdrawn") == set()


def test_a_replay_withdrawn_while_it_is_made_is_not_published(
    recorded: Stream, vods: Path, run_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams.end_stream(actor=recorded.seller, stream_id=recorded.pk)
    save = replay_files.save

    def save_after_ban(path: Path, name: str) -> None:
        save(path, name)
        if Replay.objects.get().state != "withdrawn":
            ban_user(actor=make_staff(), user_id=recorded.seller_id, reason="Fraud")

    monkeypatch.setattr(replay_files, "save", save_after_ban)
    replays.make_replay(stream_id=recorded.pk)
    assert files_in(vods) == set()
    assert Replay.objects.get().state == "withdrawn"
    assert not Notification.objects.filter(kind="replay_ready").exists()


def test_the_sweep_withdraws_what_should_have_been(ready: Stream, vods: Path, run_jobs: Any) -> None:
    Stream.objects.update(end_reason=Stream.EndReason.STAFF)
    assert withdrawn_replays.withdraw_missed_replays() == 1
    run_jobs()
    assert files_in(vods) == set()
    assert withdrawn_replays.withdraw_missed_replays() == 0


def test_the_files_of_a_deleted_stream_are_deleted(ready: Stream, vods: Path, tmp_path: Path) -> None:
    assert withdrawn_replays.withdraw_deleted_streams() == 0
    assert files_in(vods)
    ready.delete()
    assert withdrawn_replays.withdraw_deleted_streams() == 1
    withdrawn_replays.delete_withdrawn_files()
    assert files_in(vods) == set()
    assert files_in(tmp_path / "withdrawn") == set()


def test_staff_withdraw_a_replay_and_restore_it(ready: Stream, vods: Path, run_jobs: Any) -> None:
    before = files_in(vods)
    staff = make_staff()
    with pytest.raises(Forbidden):
        withdrawn_replays.withdraw_replay_by_staff(actor=ready.seller, stream_id=ready.pk, reason="Mine")
    withdrawn_replays.withdraw_replay_by_staff(actor=staff, stream_id=ready.pk, reason="Counterfeits")
    run_jobs()
    assert files_in(vods) == set()
    notice = Notification.objects.get(kind="replay_withdrawn", user=ready.seller)
    assert notice.params["stream"] == ready.title
    with pytest.raises(Conflict):
        withdrawn_replays.withdraw_replay_by_staff(actor=staff, stream_id=ready.pk, reason="Twice")
    with pytest.raises(Forbidden):
        withdrawn_replays.make_replay_again(actor=ready.seller, stream_id=ready.pk, reason="Mine")
    withdrawn_replays.make_replay_again(actor=staff, stream_id=ready.pk, reason="A mistake")
    run_jobs()
    assert files_in(vods) == before
    assert Replay.objects.get().state == "ready"
    with pytest.raises(Conflict):
        withdrawn_replays.make_replay_again(actor=staff, stream_id=ready.pk, reason="Again")


def test_staff_have_a_failed_replay_made_again(recorded: Stream, run_jobs: Any) -> None:
    streams.end_stream(actor=recorded.seller, stream_id=recorded.pk)
    Replay.objects.update(state="failed", reason="processing_failed", attempts=5)
    withdrawn_replays.make_replay_again(
        actor=make_staff(), stream_id=recorded.pk, reason="There is space now"
    )
    run_jobs()
    replay = Replay.objects.get()
    assert (replay.state, replay.reason, replay.step) == ("ready", "", "check")


def test_staff_cannot_make_a_replay_again_whose_files_are_gone(ready: Stream) -> None:
    staff = make_staff()
    withdrawn_replays.withdraw_replay_by_staff(actor=staff, stream_id=ready.pk, reason="Counterfeits")
    Replay.objects.update(withdrawn_at=timezone.now() - timedelta(days=31))
    with pytest.raises(Conflict):
        withdrawn_replays.make_replay_again(actor=staff, stream_id=ready.pk, reason="Too late")
    assert Replay.objects.get().state == "withdrawn"
