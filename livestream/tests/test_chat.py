"""What is said in a room: kept, told, kept in order, read again."""

from typing import Any

import pytest
import time_machine

from accounts.models import User
from accounts.tests.factories import make_user
from livestream.models import ChatMessage, Stream, StreamModerator
from livestream.selectors.chat import chat_history
from livestream.services import chat
from livestream.tests.conftest import no_redis
from livestream.tests.factories import say
from soukloop.core import jsonlib
from soukloop.core.errors import Forbidden, RateLimited
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


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
    chat.change_chat_rules(actor=stream.seller, stream_id=stream.pk, slow_mode_seconds=10)
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
        chat.mute_viewer(actor=stream.seller, stream_id=stream.pk, user_id=viewer.pk)
    assert captured_events[-1] == (
        f"user.{viewer.pk}",
        "chat:muted",
        {"streamId": str(stream.pk), "muted": True},
    )
    with pytest.raises(Forbidden) as refused:
        say(stream, viewer)
    assert refused.value.code == "muted"
    chat.unmute_viewer(actor=stream.seller, stream_id=stream.pk, user_id=viewer.pk)
    say(stream, viewer)
    chat.change_chat_rules(actor=stream.seller, stream_id=stream.pk, enable_chat=False)
    with pytest.raises(Forbidden) as refused:
        say(stream, viewer)
    assert refused.value.code == "chat_disabled"
    say(stream, stream.seller)
    assert ChatMessage.objects.count() == 2
    with pytest.raises(Forbidden):
        chat.mute_viewer(actor=stream.seller, stream_id=stream.pk, user_id=stream.seller_id)


def test_moderators_named_by_the_host_keep_order(stream: Stream, viewer: User) -> None:
    moderator = make_user()
    message = say(stream, viewer)
    with pytest.raises(Forbidden):
        chat.delete_message(actor=moderator, stream_id=stream.pk, message_id=message["messageId"])
    chat.add_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    chat.delete_message(actor=moderator, stream_id=stream.pk, message_id=message["messageId"])
    chat.mute_viewer(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)
    with pytest.raises(Forbidden):
        chat.add_moderator(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)
    chat.remove_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    with pytest.raises(Forbidden):
        chat.unmute_viewer(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)


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
    history = chat_history(stream, after_seq=None)
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
        messages = chat_history(stream, after_seq=None).messages
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
    caught_up = chat_history(stream, after_seq=2)
    assert [message["seq"] for message in caught_up.messages] == [3, 4, 5]
    assert (caught_up.last_seq, caught_up.needs_resync) == (5, False)
    resync = chat_history(stream, after_seq=1)
    assert (resync.messages, resync.last_seq, resync.needs_resync) == ([], 5, True)
