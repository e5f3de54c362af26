"""A stream's chat: posting, moderating, reading."""

from typing import Any

import pytest
import time_machine
from django.db import OperationalError

from accounts.models import User
from accounts.services import relations
from accounts.tests.factories import make_user
from livestream.models import ChatMessage, Stream, StreamModerator
from livestream.selectors.chat import chat_history
from livestream.services import chat
from livestream.tests.conftest import make_redis_unavailable
from livestream.tests.factories import make_live_stream, post_chat_message
from soukloop.core import jsonlib
from soukloop.core.errors import Forbidden, NotFound, RateLimited
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


def test_a_message_is_saved_numbered_and_published(
    stream: Stream, viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        payload = post_chat_message(stream, viewer, "This is amazing! 🔥")
    message = ChatMessage.objects.get()
    expected = {
        "messageId": str(message.pk),
        "streamId": str(stream.pk),
        "seq": 1,
        "userId": str(viewer.pk),
        "username": viewer.username,
        "avatarUrl": None,
        "isHost": False,
        "isModerator": False,
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


def test_a_message_that_could_not_be_saved_does_not_count_against_the_limit(
    stream: Stream, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_connection(*args: Any) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(chat, "_insert_message", lose_connection)
        for _ in range(12):
            with pytest.raises(OperationalError):
                post_chat_message(stream, viewer)
    for _ in range(10):
        post_chat_message(stream, viewer)
    with pytest.raises(RateLimited):
        post_chat_message(stream, viewer)


def test_the_eleventh_message_of_a_minute_is_refused_except_to_the_host_and_moderators(
    stream: Stream, viewer: User
) -> None:
    for _ in range(10):
        post_chat_message(stream, viewer)
    with pytest.raises(RateLimited) as error:
        post_chat_message(stream, viewer)
    assert 1 <= error.value.retry_after <= 60
    assert ChatMessage.objects.count() == 10
    moderator = make_user()
    StreamModerator.objects.create(stream=stream, user=moderator)
    for _ in range(11):
        post_chat_message(stream, moderator)
        post_chat_message(stream, stream.seller)
    assert list(ChatMessage.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 33))


def test_a_repeated_client_message_id_returns_the_first_message(
    stream: Stream, viewer: User, captured_events: Any
) -> None:
    first = post_chat_message(stream, viewer, client_message_id="phone-17")
    again = post_chat_message(stream, viewer, client_message_id="phone-17")
    assert first["messageId"] == again["messageId"]
    assert ChatMessage.objects.count() == 1
    post_chat_message(stream, stream.seller, client_message_id="phone-17")
    assert ChatMessage.objects.count() == 2


def test_slow_mode_makes_viewers_wait_but_not_the_host(stream: Stream, viewer: User) -> None:
    chat.change_chat_rules(actor=stream.seller, stream_id=stream.pk, slow_mode_seconds=10)
    with time_machine.travel("2026-01-01T10:00:00Z", tick=False) as clock:
        post_chat_message(stream, viewer)
        clock.shift(9)
        with pytest.raises(RateLimited) as error:
            post_chat_message(stream, viewer)
        assert error.value.retry_after <= 2
        post_chat_message(stream, stream.seller)
        post_chat_message(stream, stream.seller)
        clock.shift(1)
        post_chat_message(stream, viewer)
    assert ChatMessage.objects.count() == 4


def test_muted_viewers_cannot_write_and_only_the_host_writes_in_a_disabled_chat(
    stream: Stream, viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        chat.mute_viewer(actor=stream.seller, stream_id=stream.pk, user_id=viewer.pk)
    assert captured_events[-1] == (
        f"user.{viewer.pk}",
        "chat:muted",
        {"streamId": str(stream.pk), "muted": True},
    )
    with pytest.raises(Forbidden) as error:
        post_chat_message(stream, viewer)
    assert error.value.code == "muted"
    chat.unmute_viewer(actor=stream.seller, stream_id=stream.pk, user_id=viewer.pk)
    post_chat_message(stream, viewer)
    chat.change_chat_rules(actor=stream.seller, stream_id=stream.pk, enable_chat=False)
    with pytest.raises(Forbidden) as error:
        post_chat_message(stream, viewer)
    assert error.value.code == "chat_disabled"
    post_chat_message(stream, stream.seller)
    assert ChatMessage.objects.count() == 2
    with pytest.raises(Forbidden):
        chat.mute_viewer(actor=stream.seller, stream_id=stream.pk, user_id=stream.seller_id)


def test_moderators_delete_messages_and_mute_viewers(stream: Stream, viewer: User) -> None:
    moderator = make_user()
    message = post_chat_message(stream, viewer)
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


@pytest.mark.parametrize("who_blocks", ["host", "moderator"])
def test_a_block_ends_the_role_of_a_moderator_and_unblocking_does_not_return_it(
    stream: Stream, viewer: User, who_blocks: str
) -> None:
    moderator, other_host, other_moderator = make_user(), make_live_stream(key="sk_other"), make_user()
    chat.add_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    chat.add_moderator(actor=stream.seller, stream_id=stream.pk, user_id=other_moderator.pk)
    chat.add_moderator(actor=other_host.seller, stream_id=other_host.pk, user_id=moderator.pk)
    people = (stream.seller, moderator) if who_blocks == "host" else (moderator, stream.seller)
    relations.block_user(actor=people[0], user_id=people[1].pk)
    assert set(StreamModerator.objects.values_list("stream", "user")) == {
        (stream.pk, other_moderator.pk),
        (other_host.pk, moderator.pk),
    }
    with pytest.raises(NotFound) as error:
        chat.add_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    assert error.value.code == "user_not_found"
    relations.unblock_user(actor=people[0], user_id=people[1].pk)
    with pytest.raises(Forbidden) as refused:
        chat.mute_viewer(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)
    assert refused.value.code == "not_a_moderator"
    chat.add_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    chat.mute_viewer(actor=moderator, stream_id=stream.pk, user_id=viewer.pk)


def test_a_deleted_message_is_hidden_but_kept(
    stream: Stream, viewer: User, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        kept, deleted = (
            post_chat_message(stream, viewer, "kept"),
            post_chat_message(stream, viewer, "deleted"),
        )
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


def test_the_last_hundred_messages_are_read_with_and_without_redis(
    stream: Stream, captured_events: Any, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(1, 106):
            post_chat_message(stream, stream.seller, f"{number}")
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
    make_redis_unavailable(monkeypatch)
    assert texts() == expected


def test_after_seq_returns_missed_messages_or_a_resync_if_there_are_too_many(
    stream: Stream, viewer: User, settings: Any
) -> None:
    settings.CATCH_UP_MAX = 3
    for _ in range(5):
        post_chat_message(stream, stream.seller)
    stream.refresh_from_db()
    caught_up = chat_history(stream, after_seq=2)
    assert [message["seq"] for message in caught_up.messages] == [3, 4, 5]
    assert (caught_up.last_seq, caught_up.needs_resync) == (5, False)
    resync = chat_history(stream, after_seq=1)
    assert (resync.messages, resync.last_seq, resync.needs_resync) == ([], 5, True)
