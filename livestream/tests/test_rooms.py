"""Viewers, chat and reactions: counted, kept, told; what Redis forgets and what killed processes leave."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisAway

from accounts.models import User
from accounts.tests.factories import block, follow, make_user
from livestream import live_counts
from livestream.models import ChatMessage, ReactionTotal, Stream, StreamModerator, ViewerSample, ViewerSession
from livestream.selectors import rooms as room_reads
from livestream.services import chat, reactions, rooms, streams
from livestream.tests.factories import make_live_stream, make_stream
from soukloop.core import jsonlib, keys
from soukloop.core.errors import Conflict, Forbidden, NotFound, RateLimited
from soukloop.core.redis import redis_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def stream() -> Stream:
    return make_live_stream()


@pytest.fixture
def viewer() -> User:
    return make_user(neighborhood="Dubai Marina")


def enter(stream: Stream, user: User, connection_id: str = "c1") -> Stream:
    return rooms.enter(actor=user, stream_id=stream.pk, connection_id=connection_id)


def say(stream: Stream, user: User, message: str = "Hello", **more: Any) -> dict[str, Any]:
    return chat.post_message(actor=user, stream_id=stream.pk, message=message, **more)


def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise RedisAway("away")

    monkeypatch.setattr(live_counts, "redis_client", away)


# --- Viewers --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_in_a_rush_only_the_count_is_told_and_once_a_second(stream: Stream, captured_events: Any) -> None:
    def told_of_coming_in(seconds_ago: int, moves: int) -> list[str]:
        """Come in when there were so many moves in the second so long ago; return the events."""
        captured_events.clear()
        second = int(redis_client().time()[0]) - seconds_ago
        redis_client().set(keys.stream_moves(stream.pk), f"{second} {moves} 0")
        enter(stream, make_user(), uuid4().hex)
        return [event for _, event, _ in captured_events]

    one_by_one = ["viewer:joined", "viewer:count"]
    assert told_of_coming_in(0, 3) == one_by_one
    assert told_of_coming_in(0, 40) in ([], ["viewer:count"])  # the second may have turned meanwhile
    assert told_of_coming_in(1, 40) in (["viewer:count"], one_by_one)
    assert told_of_coming_in(5, 40) == one_by_one


def test_coming_in_is_counted_in_redis_and_in_the_row(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    assert enter(stream, viewer).viewer_count == 1
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


def test_two_devices_are_one_viewer_and_coming_in_twice_changes_nothing(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    for connection_id in ("phone", "tablet", "tablet"):
        assert enter(stream, viewer, connection_id).viewer_count == 1
    assert len(captured_events) == 2
    assert ViewerSession.objects.count() == 2
    rooms.leave(stream_id=stream.pk, user_id=viewer.pk, connection_id="phone")
    assert live_counts.viewers(stream.pk) == 1
    rooms.leave(stream_id=stream.pk, user_id=viewer.pk, connection_id="tablet")
    rooms.leave(stream_id=stream.pk, user_id=viewer.pk, connection_id="tablet")
    assert live_counts.viewers(stream.pk) == 0
    assert not ViewerSession.objects.filter(left_at=None).exists()
    assert [event for _, event, _ in captured_events[2:]] == ["viewer:left", "viewer:count"]
    stream.refresh_from_db()
    assert (stream.viewer_count, stream.peak_viewers) == (0, 1)


def test_the_host_is_no_viewer(stream: Stream) -> None:
    assert enter(stream, stream.seller).viewer_count == 0
    assert not ViewerSession.objects.exists()


def test_who_may_not_watch_stays_outside(viewer: User) -> None:
    followers_only = make_live_stream(audience="followers")
    with pytest.raises(Forbidden) as refused:
        enter(followers_only, viewer)
    assert refused.value.code == "followers_only"
    blocked = make_live_stream()
    block(blocked.seller, viewer)
    with pytest.raises(NotFound):
        enter(blocked, viewer)
    with pytest.raises(Conflict):
        enter(make_stream(), viewer)
    assert not ViewerSession.objects.exists()
    follow(viewer, followers_only.seller)
    assert enter(followers_only, viewer).viewer_count == 1


def test_viewers_of_a_killed_process_are_seen_off_at_the_time_they_were_last_heard_of(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    other = make_user()
    enter(stream, viewer, "dead")
    enter(stream, other, "alive")
    last_heard = live_counts.server_time() - 90
    redis_client().zadd(keys.stream_viewers(stream.pk), {live_counts.member(viewer.pk, "dead"): last_heard})
    ViewerSession.objects.filter(connection_id="dead").update(
        joined_at=timezone.now() - timedelta(minutes=10)
    )
    assert rooms.look_around(stream_id=stream.pk) == 1
    session = ViewerSession.objects.get(connection_id="dead")
    assert session.left_at is not None
    assert abs(session.left_at.timestamp() - last_heard) < 1
    assert ViewerSession.objects.get(connection_id="alive").left_at is None
    stream.refresh_from_db()
    assert (stream.viewer_count, stream.peak_viewers) == (1, 2)
    assert captured_events[-1][1:] == ("viewer:count", {"streamId": str(stream.pk), "viewerCount": 1})


@pytest.mark.parametrize("is_job_running", [True, False])
def test_the_end_s_figures_hold_after_a_web_process_was_killed(stream: Stream, is_job_running: bool) -> None:
    people = [make_user() for _ in range(4)]
    for number, user in enumerate(people):
        enter(stream, user, f"dead{number}")
    start = timezone.now() - timedelta(minutes=10)
    ViewerSession.objects.update(joined_at=start, last_seen_at=start)
    heard = live_counts.server_time() - 400
    names = [live_counts.member(user.pk, f"dead{number}") for number, user in enumerate(people)]
    redis_client().zadd(keys.stream_viewers(stream.pk), dict.fromkeys(names, heard))
    if is_job_running:
        rooms.look_around(stream_id=stream.pk)
    enter(stream, people[0], "alive")
    ended = streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert (ended.peak_viewers, ended.unique_viewers) == (4, 4)
    for stay in ViewerSession.objects.filter(connection_id__startswith="dead"):
        assert stay.left_at is not None
        assert abs(stay.left_at.timestamp() - heard) < 1
    assert ended.average_watch_seconds == pytest.approx(200, abs=2)


def test_a_peak_that_was_told_is_never_taken_back(stream: Stream, viewer: User) -> None:
    enter(stream, viewer)
    Stream.objects.filter(pk=stream.pk).update(peak_viewers=4)
    ViewerSample.objects.create(stream=stream, minute=timezone.now(), viewers=5)
    assert streams.end_stream(actor=stream.seller, stream_id=stream.pk).peak_viewers == 5
    other = make_live_stream(peak_viewers=3)
    assert streams.end_stream(actor=other.seller, stream_id=other.pk).peak_viewers == 3


def test_after_redis_was_flushed_heartbeats_bring_the_viewers_back(stream: Stream, viewer: User) -> None:
    enter(stream, viewer)
    redis_client().flushdb()
    assert rooms.look_around(stream_id=stream.pk) is None
    assert ViewerSession.objects.get().left_at is None
    rooms.stay({stream.pk: [(viewer.pk, "c1")]})
    assert rooms.look_around(stream_id=stream.pk) == 1


def test_counts_pause_until_the_heartbeats_have_told_redis_what_it_forgot(
    viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    planned = make_stream()
    with django_capture_on_commit_callbacks(execute=True):
        stream, _ = streams.go_live(
            actor=planned.seller, stream_id=planned.pk, camera_ready=True, checklist_complete=True
        )
    others = [make_user() for _ in range(3)]
    for number, user in enumerate(others):
        enter(stream, user, f"c{number}")
    redis_client().flushdb()
    captured_events.clear()
    assert rooms.look_around(stream_id=stream.pk) is None
    assert enter(stream, viewer, "new").viewer_count == 3, "the row's number stands meanwhile"
    rooms.leave(stream_id=stream.pk, user_id=viewer.pk, connection_id="new")
    rooms.stay({stream.pk: [(others[0].pk, "c0"), (others[1].pk, "c1")]})
    assert rooms.look_around(stream_id=stream.pk) is None
    assert captured_events == []
    stream.refresh_from_db()
    assert stream.viewer_count == 3
    assert list(ViewerSample.objects.all()) == []
    # The third one's process was killed: once each heartbeat had its turn, the count goes on without it.
    redis_client().set(keys.stream_counted_since(stream.pk), int(live_counts.server_time()) - 31)
    assert rooms.look_around(stream_id=stream.pk) == 2
    assert captured_events[-1][2]["viewerCount"] == 2


def test_a_stay_that_nobody_vouches_for_is_closed_even_when_redis_forgot_it(
    stream: Stream, viewer: User
) -> None:
    enter(stream, viewer)
    redis_client().flushdb()
    seen = timezone.now() - timedelta(minutes=5)
    ViewerSession.objects.update(joined_at=seen - timedelta(minutes=1), last_seen_at=seen)
    rooms.look_around(stream_id=stream.pk)
    assert ViewerSession.objects.get().left_at == seen


def test_without_redis_people_still_come_in(
    stream: Stream, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_redis(monkeypatch)
    enter(stream, viewer)
    assert rooms.look_around(stream_id=stream.pk) is None
    rooms.leave(stream_id=stream.pk, user_id=viewer.pk, connection_id="c1")
    assert ViewerSession.objects.get().left_at is not None


def test_the_curve_keeps_the_most_of_each_minute(stream: Stream, viewer: User) -> None:
    with time_machine.travel("2026-01-01T10:00:05Z", tick=False):
        rooms.look_around(stream_id=stream.pk)
        enter(stream, viewer)
        rooms.look_around(stream_id=stream.pk)
        rooms.leave(stream_id=stream.pk, user_id=viewer.pk, connection_id="c1")
        rooms.look_around(stream_id=stream.pk)
    with time_machine.travel("2026-01-01T10:01:05Z", tick=False):
        rooms.look_around(stream_id=stream.pk)
    assert list(ViewerSample.objects.order_by("minute").values_list("viewers", flat=True)) == [1, 0]


def test_who_comes_in_at_the_instant_of_the_end_is_not_left_open(stream: Stream, viewer: User) -> None:
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    stream.refresh_from_db()
    ViewerSession.objects.create(
        stream=stream,
        user=viewer,
        connection_id="late",
        joined_at=timezone.now() + timedelta(seconds=1),
        last_seen_at=timezone.now(),
    )
    assert rooms.close_forgotten_sessions() == 1
    assert ViewerSession.objects.get().left_at == ViewerSession.objects.get().joined_at


# --- Chat -----------------------------------------------------------------------------------------


def test_a_message_is_kept_numbered_and_told(
    stream: Stream, viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        payload = say(stream, viewer, "This is amazing! 🔥")
    message = ChatMessage.objects.get()
    expected = {
        "messageId": str(message.pk),
        "streamId": str(stream.pk),
        "seq": 1,
        "userId": str(viewer.pk),
        "username": viewer.username,
        "avatarUrl": None,
        "message": "This is amazing! 🔥",
        "timestamp": jsonlib.isoformat(message.created_at),
    }
    assert jsonlib.loads(jsonlib.dumps(payload)) == expected
    assert captured_events == [(f"stream.{stream.pk}", "chat:message", expected)]
    stream.refresh_from_db()
    assert (stream.chat_count, stream.last_chat_seq) == (1, 1)
    assert [jsonlib.loads(one) for one in redis_client().lrange(f"stream:{stream.pk}:chat", 0, -1)] == [
        expected
    ]


def test_the_eleventh_message_of_a_minute_is_refused_but_not_to_host_and_moderators(
    stream: Stream, viewer: User
) -> None:
    for _ in range(10):
        say(stream, viewer)
    with pytest.raises(RateLimited) as refused:
        say(stream, viewer)
    assert 1 <= refused.value.retry_after <= 60
    assert ChatMessage.objects.count() == 10
    moderator = make_user()
    StreamModerator.objects.create(stream=stream, user=moderator)
    for _ in range(11):
        say(stream, moderator)
        say(stream, stream.seller)
    assert list(ChatMessage.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 33))


def test_the_same_client_message_id_is_one_message(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    first = say(stream, viewer, client_message_id="phone-17")
    again = say(stream, viewer, client_message_id="phone-17")
    assert first["messageId"] == again["messageId"]
    assert ChatMessage.objects.count() == 1
    say(stream, stream.seller, client_message_id="phone-17")
    assert ChatMessage.objects.count() == 2


def test_slow_mode_makes_viewers_wait_and_not_the_host(stream: Stream, viewer: User) -> None:
    chat.change_rules(actor=stream.seller, stream_id=stream.pk, slow_mode_seconds=10)
    with time_machine.travel("2026-01-01T10:00:00Z", tick=False) as clock:
        say(stream, viewer)
        clock.shift(9)
        with pytest.raises(RateLimited) as refused:
            say(stream, viewer)
        assert refused.value.retry_after <= 2
        say(stream, stream.seller)
        say(stream, stream.seller)
        clock.shift(1)
        say(stream, viewer)
    assert ChatMessage.objects.count() == 4


def test_the_muted_and_the_switched_off_can_t_be_heard(
    stream: Stream, viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        chat.mute(actor=stream.seller, stream_id=stream.pk, user_id=viewer.pk)
    assert captured_events[-1] == (
        f"user.{viewer.pk}",
        "chat:muted",
        {"streamId": str(stream.pk), "muted": True},
    )
    with pytest.raises(Forbidden) as refused:
        say(stream, viewer)
    assert refused.value.code == "muted"
    chat.unmute(actor=stream.seller, stream_id=stream.pk, user_id=viewer.pk)
    say(stream, viewer)
    chat.change_rules(actor=stream.seller, stream_id=stream.pk, enable_chat=False)
    with pytest.raises(Forbidden) as refused:
        say(stream, viewer)
    assert refused.value.code == "chat_disabled"
    say(stream, stream.seller)
    assert ChatMessage.objects.count() == 2
    with pytest.raises(Forbidden):
        chat.mute(actor=stream.seller, stream_id=stream.pk, user_id=stream.seller_id)


def test_moderators_named_by_the_host_keep_order(stream: Stream, viewer: User) -> None:
    moderator = make_user()
    message = say(stream, viewer)
    with pytest.raises(Forbidden):
        chat.delete_message(actor=moderator, stream_id=stream.pk, message_id=message["messageId"])
    chat.name_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    chat.delete_message(actor=moderator, stream_id=stream.pk, message_id=message["messageId"])
    chat.mute(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)
    with pytest.raises(Forbidden):
        chat.name_moderator(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)
    chat.dismiss_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    with pytest.raises(Forbidden):
        chat.unmute(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)


def test_a_deleted_message_is_out_of_sight_and_kept(
    stream: Stream, viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        kept, deleted = say(stream, viewer, "kept"), say(stream, viewer, "deleted")
    with django_capture_on_commit_callbacks(execute=True):
        chat.delete_message(actor=viewer, stream_id=stream.pk, message_id=deleted["messageId"])
    assert captured_events[-1] == (
        f"stream.{stream.pk}",
        "chat:deleted",
        {"streamId": str(stream.pk), "messageId": str(deleted["messageId"]), "seq": 2},
    )
    stream.refresh_from_db()
    assert stream.chat_count == 1
    history = room_reads.history(stream, after_seq=None)
    assert [jsonlib.loads(jsonlib.dumps(one))["message"] for one in history.messages] == ["kept"]
    assert history.last_seq == 2
    assert redis_client().llen(f"stream:{stream.pk}:chat") == 1
    assert ChatMessage.objects.get(seq=2).deleted_by == viewer
    assert kept["seq"] == 1


def test_who_comes_in_reads_the_last_hundred_from_redis_and_without_it(
    stream: Stream, captured_events: Any, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(1, 106):
            say(stream, stream.seller, f"{number}")
    stream.refresh_from_db()

    def texts() -> list[str]:
        messages = room_reads.history(stream, after_seq=None).messages
        return [jsonlib.loads(jsonlib.dumps(message))["message"] for message in messages]

    expected = [str(number) for number in range(6, 106)]
    assert redis_client().llen(f"stream:{stream.pk}:chat") == 100
    assert texts() == expected
    redis_client().flushdb()
    assert texts() == expected
    assert redis_client().llen(f"stream:{stream.pk}:chat") == 100
    redis_client().lpop(f"stream:{stream.pk}:chat")
    assert texts() == expected
    no_redis(monkeypatch)
    assert texts() == expected


def test_after_seq_brings_what_was_missed_and_too_much_is_a_resync(
    stream: Stream, viewer: User, settings: Any
) -> None:
    settings.CATCH_UP_MAX = 3
    for _ in range(5):
        say(stream, stream.seller)
    stream.refresh_from_db()
    caught_up = room_reads.history(stream, after_seq=2)
    assert [message["seq"] for message in caught_up.messages] == [3, 4, 5]
    assert (caught_up.last_seq, caught_up.is_too_long) == (5, False)
    resync = room_reads.history(stream, after_seq=1)
    assert (resync.messages, resync.last_seq, resync.is_too_long) == ([], 5, True)


# --- Reactions ------------------------------------------------------------------------------------


def test_reactions_are_counted_told_and_written_down(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    assert reactions.react(actor=viewer, stream_id=stream.pk, emoji="❤️") == 1
    assert reactions.react(actor=viewer, stream_id=stream.pk, emoji="❤️") == 2
    reactions.react(actor=viewer, stream_id=stream.pk, emoji="🔥")
    assert captured_events[0] == (
        f"stream.{stream.pk}",
        "reaction:new",
        {"streamId": str(stream.pk), "emoji": "❤️", "userId": str(viewer.pk), "count": 1},
    )
    assert redis_client().hgetall(f"stream:{stream.pk}:reactions") == {
        "❤️".encode(): b"2",
        "🔥".encode(): b"1",
    }
    reactions.write_down(stream_id=stream.pk)
    stream.refresh_from_db()
    assert stream.total_likes == 3
    assert dict(ReactionTotal.objects.values_list("emoji", "count")) == {"❤️": 2, "🔥": 1}


def test_what_redis_forgets_goes_on_from_what_was_written_down(stream: Stream, viewer: User) -> None:
    for _ in range(5):
        reactions.react(actor=viewer, stream_id=stream.pk, emoji="🔥")
    reactions.write_down(stream_id=stream.pk)
    redis_client().flushdb()
    reactions.write_down(stream_id=stream.pk)
    assert reactions.react(actor=viewer, stream_id=stream.pk, emoji="🔥") == 6
    redis_client().flushdb()
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    stream.refresh_from_db()
    assert stream.total_likes == 5


def test_the_end_writes_down_what_redis_still_counts(stream: Stream, viewer: User) -> None:
    for emoji in settings.STREAM_REACTIONS:
        reactions.react(actor=viewer, stream_id=stream.pk, emoji=emoji)
    ended = streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert ended.total_likes == len(settings.STREAM_REACTIONS)
    with pytest.raises(Conflict):
        reactions.react(actor=viewer, stream_id=stream.pk, emoji="❤️")


def test_nobody_speaks_or_reacts_once_it_is_over(stream: Stream, viewer: User) -> None:
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    with pytest.raises(Conflict) as refused:
        say(stream, viewer)
    assert refused.value.code == "stream_not_live"
    assert not ChatMessage.objects.exists()
