"""Counting, publishing and removing viewers, also after lost Redis data and killed processes."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import block, follow, make_user
from livestream import keys, live_counts
from livestream.models import Stream, ViewerSample, ViewerSession
from livestream.services import room_sweeps, streams, viewers
from livestream.tests.conftest import make_redis_unavailable
from livestream.tests.factories import make_live_stream, make_stream
from soukloop.core.errors import Conflict, Forbidden, NotFound
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


def join(stream: Stream, user: User, connection_id: str = "c1") -> Stream:
    return viewers.join_stream(actor=user, stream_id=stream.pk, connection_id=connection_id)


@pytest.mark.django_db
def test_while_many_join_only_the_count_is_published_once_a_second(
    stream: Stream, captured_events: Any
) -> None:
    def events_of_a_join(seconds_ago: int, churn: int) -> list[str]:
        """Join after this churn in a second this long ago; return the published events."""
        captured_events.clear()
        second = int(redis_client().time()[0]) - seconds_ago
        redis_client().set(keys.stream_churn(stream.pk), f"{second} {churn} 0")
        join(stream, make_user(), uuid4().hex)
        return [event for _, event, _ in captured_events]

    one_by_one = ["viewer:joined", "viewer:count"]
    assert events_of_a_join(0, 3) == one_by_one
    assert events_of_a_join(0, 40) in ([], ["viewer:count"])  # the next second may have begun
    assert events_of_a_join(1, 40) in (["viewer:count"], one_by_one)
    assert events_of_a_join(5, 40) == one_by_one


def test_joining_is_counted_in_redis_and_in_the_row(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    assert join(stream, viewer).viewer_count == 1
    assert redis_client().smembers(f"stream:{stream.pk}:unique_viewers") == {str(viewer.pk).encode()}
    stream.refresh_from_db()
    assert (stream.viewer_count, stream.peak_viewers) == (1, 1)
    room = f"stream.{stream.pk}"
    assert captured_events == [
        (
            room,
            "viewer:joined",
            {
                "streamId": str(stream.pk),
                "userId": str(viewer.pk),
                "username": viewer.username,
                "viewerCount": 1,
            },
        ),
        (room, "viewer:count", {"streamId": str(stream.pk), "viewerCount": 1}),
    ]


def test_two_devices_are_one_viewer_and_joining_twice_changes_nothing(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    for connection_id in ("phone", "tablet", "tablet"):
        assert join(stream, viewer, connection_id).viewer_count == 1
    assert len(captured_events) == 2
    assert ViewerSession.objects.count() == 2
    viewers.leave_stream(stream_id=stream.pk, user_id=viewer.pk, connection_id="phone")
    assert live_counts.viewer_count(stream.pk) == 1
    viewers.leave_stream(stream_id=stream.pk, user_id=viewer.pk, connection_id="tablet")
    viewers.leave_stream(stream_id=stream.pk, user_id=viewer.pk, connection_id="tablet")
    assert live_counts.viewer_count(stream.pk) == 0
    assert not ViewerSession.objects.filter(left_at=None).exists()
    assert [event for _, event, _ in captured_events[2:]] == ["viewer:left", "viewer:count"]
    stream.refresh_from_db()
    assert (stream.viewer_count, stream.peak_viewers) == (0, 1)


def test_the_host_is_not_counted_as_a_viewer(stream: Stream) -> None:
    assert join(stream, stream.seller).viewer_count == 0
    assert not ViewerSession.objects.exists()


def test_people_who_may_not_watch_cannot_join(viewer: User) -> None:
    followers_only = make_live_stream(audience="followers")
    with pytest.raises(Forbidden) as refused:
        join(followers_only, viewer)
    assert refused.value.code == "followers_only"
    blocked = make_live_stream()
    block(blocked.seller, viewer)
    with pytest.raises(NotFound):
        join(blocked, viewer)
    with pytest.raises(Conflict):
        join(make_stream(), viewer)
    assert not ViewerSession.objects.exists()
    follow(viewer, followers_only.seller)
    assert join(followers_only, viewer).viewer_count == 1


def test_sessions_of_a_killed_process_end_at_their_last_heartbeat(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    other = make_user()
    join(stream, viewer, "dead")
    join(stream, other, "alive")
    last_heartbeat = live_counts.server_time() - 90
    redis_client().zadd(
        keys.stream_viewers(stream.pk), {live_counts.viewer_key(viewer.pk, "dead"): last_heartbeat}
    )
    ViewerSession.objects.filter(connection_id="dead").update(
        joined_at=timezone.now() - timedelta(minutes=10)
    )
    assert room_sweeps.sweep_room(stream_id=stream.pk) == 1
    session = ViewerSession.objects.get(connection_id="dead")
    assert session.left_at is not None
    assert abs(session.left_at.timestamp() - last_heartbeat) < 1
    assert ViewerSession.objects.get(connection_id="alive").left_at is None
    stream.refresh_from_db()
    assert (stream.viewer_count, stream.peak_viewers) == (1, 2)
    assert captured_events[-1][1:] == ("viewer:count", {"streamId": str(stream.pk), "viewerCount": 1})


@pytest.mark.parametrize("is_job_running", [True, False])
def test_the_final_statistics_are_right_after_a_web_process_was_killed(
    stream: Stream, is_job_running: bool
) -> None:
    people = [make_user() for _ in range(4)]
    for number, user in enumerate(people):
        join(stream, user, f"dead{number}")
    start = timezone.now() - timedelta(minutes=10)
    ViewerSession.objects.update(joined_at=start, last_seen_at=start)
    last_heartbeat = live_counts.server_time() - 400
    names = [live_counts.viewer_key(user.pk, f"dead{number}") for number, user in enumerate(people)]
    redis_client().zadd(keys.stream_viewers(stream.pk), dict.fromkeys(names, last_heartbeat))
    if is_job_running:
        room_sweeps.sweep_room(stream_id=stream.pk)
    join(stream, people[0], "alive")
    ended = streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert (ended.peak_viewers, ended.unique_viewers) == (4, 4)
    for session in ViewerSession.objects.filter(connection_id__startswith="dead"):
        assert session.left_at is not None
        assert abs(session.left_at.timestamp() - last_heartbeat) < 1
    assert ended.average_watch_seconds == pytest.approx(200, abs=2)


def test_the_final_peak_is_never_lower_than_a_published_one(stream: Stream, viewer: User) -> None:
    join(stream, viewer)
    Stream.objects.filter(pk=stream.pk).update(peak_viewers=4)
    ViewerSample.objects.create(stream=stream, minute=timezone.now(), viewers=5)
    assert streams.end_stream(actor=stream.seller, stream_id=stream.pk).peak_viewers == 5
    other = make_live_stream(peak_viewers=3)
    assert streams.end_stream(actor=other.seller, stream_id=other.pk).peak_viewers == 3


def test_heartbeats_restore_the_viewers_after_redis_was_flushed(stream: Stream, viewer: User) -> None:
    join(stream, viewer)
    redis_client().flushdb()
    assert room_sweeps.sweep_room(stream_id=stream.pk) is None
    assert ViewerSession.objects.get().left_at is None
    viewers.refresh_viewers({stream.pk: [(viewer.pk, "c1")]})
    assert room_sweeps.sweep_room(stream_id=stream.pk) == 1


def test_no_count_is_published_after_redis_was_flushed_until_heartbeats_have_restored_it(
    viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    planned = make_stream()
    with django_capture_on_commit_callbacks(execute=True):
        stream, _ = streams.go_live(
            actor=planned.seller, stream_id=planned.pk, camera_ready=True, checklist_complete=True
        )
    others = [make_user() for _ in range(3)]
    for number, user in enumerate(others):
        join(stream, user, f"c{number}")
    redis_client().flushdb()
    captured_events.clear()
    assert room_sweeps.sweep_room(stream_id=stream.pk) is None
    assert join(stream, viewer, "new").viewer_count == 3, "until then the count in the row is used"
    viewers.leave_stream(stream_id=stream.pk, user_id=viewer.pk, connection_id="new")
    viewers.refresh_viewers({stream.pk: [(others[0].pk, "c0"), (others[1].pk, "c1")]})
    assert room_sweeps.sweep_room(stream_id=stream.pk) is None
    assert captured_events == []
    stream.refresh_from_db()
    assert stream.viewer_count == 3
    assert list(ViewerSample.objects.all()) == []
    # The third viewer's process was killed: after every process's heartbeat, counting continues without it.
    redis_client().set(keys.stream_counted_since(stream.pk), int(live_counts.server_time()) - 31)
    assert room_sweeps.sweep_room(stream_id=stream.pk) == 2
    assert captured_events[-1][2]["viewerCount"] == 2


def test_a_session_without_heartbeats_is_closed_even_after_redis_was_flushed(
    stream: Stream, viewer: User
) -> None:
    join(stream, viewer)
    redis_client().flushdb()
    seen = timezone.now() - timedelta(minutes=5)
    ViewerSession.objects.update(joined_at=seen - timedelta(minutes=1), last_seen_at=seen)
    room_sweeps.sweep_room(stream_id=stream.pk)
    assert ViewerSession.objects.get().left_at == seen


def test_people_can_join_without_redis(stream: Stream, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_redis_unavailable(monkeypatch)
    join(stream, viewer)
    assert room_sweeps.sweep_room(stream_id=stream.pk) is None
    viewers.leave_stream(stream_id=stream.pk, user_id=viewer.pk, connection_id="c1")
    assert ViewerSession.objects.get().left_at is not None


def test_samples_keep_the_highest_count_of_each_minute(stream: Stream, viewer: User) -> None:
    with time_machine.travel("2026-01-01T10:00:05Z", tick=False):
        room_sweeps.sweep_room(stream_id=stream.pk)
        join(stream, viewer)
        room_sweeps.sweep_room(stream_id=stream.pk)
        viewers.leave_stream(stream_id=stream.pk, user_id=viewer.pk, connection_id="c1")
        room_sweeps.sweep_room(stream_id=stream.pk)
    with time_machine.travel("2026-01-01T10:01:05Z", tick=False):
        room_sweeps.sweep_room(stream_id=stream.pk)
    assert list(ViewerSample.objects.order_by("minute").values_list("viewers", flat=True)) == [1, 0]


def test_a_session_opened_at_the_end_of_its_stream_is_closed(stream: Stream, viewer: User) -> None:
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    stream.refresh_from_db()
    ViewerSession.objects.create(
        stream=stream,
        user=viewer,
        connection_id="late",
        joined_at=timezone.now() + timedelta(seconds=1),
        last_seen_at=timezone.now(),
    )
    assert room_sweeps.close_sessions_of_ended_streams() == 1
    assert ViewerSession.objects.get().left_at == ViewerSession.objects.get().joined_at
