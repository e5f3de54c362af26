"""Who needs no push of a message: they have read it, have the conversation open, or use the app."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.exceptions import RedisError

from accounts.models import User
from accounts.tokens import access_token_for
from chat import services
from chat.models import Conversation
from chat.selectors import attended_among
from chat.tests.factories import go_online, look_at, make_conversation, make_message, session_of
from notifications import kinds
from notifications.kinds import PendingPush
from soukloop.core.redis.client import redis_client
from soukloop.realtime import attention, keys
from soukloop.realtime.testing import ServerFactory
from soukloop.realtime.testing.waiting import wait_until

QUICK_HEARTBEAT = {"DJANGO_SETTINGS_MODULE": "soukloop.realtime.tests.settings"}

Connect = Callable[..., Any]


def is_attended(conversation: Conversation, person: User, seq: int = 1) -> bool:
    return attended_among([(person.pk, conversation.pk, seq)]) != set()


@pytest.mark.django_db
class TestAttendedMessages:
    def test_a_person_who_is_merely_connected_attends_nothing(self) -> None:
        conversation = make_conversation()
        make_message(conversation)
        go_online(conversation.seller)
        redis_client().zadd(keys.presence(conversation.seller_id), {uuid4().hex: time.time() * 1000})
        assert not is_attended(conversation, conversation.seller)

    def test_an_open_conversation_is_attended_until_it_is_left(self) -> None:
        conversation = make_conversation()
        other = make_conversation(seller=conversation.seller)
        session = look_at(conversation, conversation.seller)
        assert is_attended(conversation, conversation.seller)
        assert not is_attended(other, conversation.seller)
        assert not is_attended(conversation, conversation.buyer)
        attention.leave(session, f"conversation.{conversation.pk}")
        assert not is_attended(conversation, conversation.seller)

    def test_a_conversation_that_two_devices_had_open_is_attended_until_both_have_left(self) -> None:
        conversation = make_conversation()
        phone, tablet = (look_at(conversation, conversation.seller) for _ in range(2))
        attention.end(phone)
        assert is_attended(conversation, conversation.seller)
        attention.end(tablet)
        assert not is_attended(conversation, conversation.seller)

    def test_an_app_in_the_foreground_attends_every_conversation(self) -> None:
        conversation = make_conversation()
        session = session_of(conversation.seller)
        attention.set_foreground(session, is_foreground=True)
        assert is_attended(conversation, conversation.seller)
        attention.set_foreground(session, is_foreground=False)
        assert not is_attended(conversation, conversation.seller)

    def test_messages_up_to_the_read_position_are_attended(self) -> None:
        conversation = make_conversation()
        for content in ("One", "Two", "Three"):
            make_message(conversation, content=content)
        services.mark_read(actor=conversation.seller, conversation_id=conversation.pk, up_to_seq=2)
        people = [(conversation.seller_id, conversation.pk, seq) for seq in (1, 2, 3)]
        people += [(conversation.buyer_id, conversation.pk, 3)]
        assert attended_among(people) == set(people[:2])

    def test_many_messages_take_one_query_and_two_round_trips(
        self, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_ones = [make_conversation() for _ in range(5)]
        others = [make_conversation() for _ in range(5)]
        for conversation in open_ones:
            look_at(conversation, conversation.seller)
        pipelines: list[Any] = []
        client = redis_client()

        class Counting:
            def pipeline(self, **options: Any) -> Any:
                pipelines.append(options)
                return client.pipeline(**options)

        monkeypatch.setattr(attention, "redis_client", Counting)
        asked = [(each.seller_id, each.pk, 1) for each in (*open_ones, *others)]
        with django_assert_num_queries(1):
            assert attended_among(asked) == set(asked[:5])
        assert len(pipelines) == 2

    def test_without_redis_nobody_attends_but_read_positions_count(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation = make_conversation()
        look_at(conversation, conversation.seller)
        make_message(conversation)
        make_message(conversation, conversation.seller)  # seq 2, to the buyer

        def fail() -> None:
            raise RedisError("down")

        services.mark_read(actor=conversation.buyer, conversation_id=conversation.pk)
        monkeypatch.setattr(attention, "redis_client", fail)
        assert not is_attended(conversation, conversation.seller)
        assert is_attended(conversation, conversation.buyer, 2)

    def test_nothing_is_asked_about_no_messages(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert attended_among([]) == set()


@pytest.mark.django_db
def test_pushes_of_attended_messages_are_not_needed_on_any_device() -> None:
    conversation, other = make_conversation(), make_conversation()
    look_at(conversation, conversation.seller)

    def push(number: int, about: Conversation, **data: Any) -> PendingPush:
        return PendingPush(number, about.seller_id, {"conversation_id": str(about.pk)} | data)

    pushes = [push(1, conversation, seq=3), push(2, conversation, seq=3), push(3, other, seq=3)]
    assert kinds.attended_among("message_new", pushes) == {1, 2}
    assert kinds.attended_among("message_new", [push(4, conversation)]) == set(), "of an earlier version"
    assert kinds.attended_among("offer_new", pushes) == set()


class TestHeartbeats:
    """Of sessions alone: these tests need no database."""

    def test_a_heartbeat_that_a_change_overtook_changes_nothing(self) -> None:
        session = session_of(User(username="a"))
        attention.enter(session, "conversation.1")
        earlier = session.attention
        attention.leave(session, "conversation.1")
        later, session.attention = session.attention, earlier
        attention.renew([session])
        assert attention.attentive_among([(session.user_id, "conversation.1")]) == set()
        session.attention = later
        attention.end(session)
        session.attention = earlier
        attention.renew([session])
        assert attention.attentive_among([(session.user_id, "conversation.1")]) == set()

    def test_a_heartbeat_restores_what_redis_lost(self) -> None:
        open_pair = self.pair(session := session_of(User(username="a")))
        attention.enter(session, open_pair[1])
        redis_client().flushdb()
        attention.renew([session, session_of(User(username="b"))])
        assert attention.attentive_among([open_pair]) == {open_pair}

    def test_rooms_of_other_kinds_are_not_recorded(self) -> None:
        session = session_of(User(username="a"))
        for room in (f"stream.{uuid4()}", f"user.{session.user_id}", "unknown.1"):
            attention.enter(session, room)
        attention.end(session)
        assert redis_client().keys("*") == []

    def test_what_is_not_renewed_expires_with_presence(self, settings: Any) -> None:
        session = session_of(User(username="a"))
        attention.enter(session, "conversation.1")
        ttl = settings.PRESENCE_TTL.total_seconds() * 1000
        assert ttl - 10_000 < redis_client().pttl(keys.attention(session.connection_id)) <= ttl

    @staticmethod
    def pair(session: Any) -> tuple[UUID, str]:
        return session.user_id, f"conversation.{uuid4()}"


@pytest.mark.django_db(transaction=True)
class TestConnections:
    """Over both transports, against real web processes."""

    def test_a_join_counts_until_the_conversation_is_left(self, connect: Connect) -> None:
        conversation = make_conversation()
        at = {"conversation_id": str(conversation.pk)}
        client = connect(conversation.seller)
        assert not is_attended(conversation, conversation.seller)
        client.call("conversation:join", at)
        assert is_attended(conversation, conversation.seller)
        client.call("conversation:leave", at)
        assert not is_attended(conversation, conversation.seller)

    def test_the_foreground_is_acknowledged_and_ends_with_the_connection(self, connect: Connect) -> None:
        conversation = make_conversation()
        client = connect(conversation.seller)
        assert client.call("app:foreground") == {"success": True, "data": {}}
        assert is_attended(conversation, conversation.seller)
        assert client.call("app:background", {}) == {"success": True, "data": {}}
        assert not is_attended(conversation, conversation.seller)
        client.call("app:foreground")
        refused = client.call("app:background", {"since": 1})
        assert refused["error"]["code"] == "validation_error"
        assert is_attended(conversation, conversation.seller)
        client.close()
        wait_until(lambda: not is_attended(conversation, conversation.seller), "end of the connection")

    def test_the_socket_of_a_conversation_counts_as_long_as_it_is_open(
        self, live_server_process: ServerFactory, bare_client: Any
    ) -> None:
        conversation = make_conversation()
        token = str(access_token_for(conversation.seller))
        path = f"/ws/conversations/{conversation.pk}/"
        client = bare_client(live_server_process()[0], token, path=path)
        client.expect("conversation:joined")
        assert is_attended(conversation, conversation.seller)
        client.close()
        wait_until(lambda: not is_attended(conversation, conversation.seller), "end of the connection")

    def test_a_killed_process_leaves_nobody_attending_and_a_flushed_redis_is_restored(
        self, live_server_process: ServerFactory, bare_client: Any
    ) -> None:
        conversation = make_conversation()
        [server] = live_server_process(fresh=True, environment=QUICK_HEARTBEAT)
        client = bare_client(server, str(access_token_for(conversation.seller)))
        client.call("conversation:join", {"conversation_id": str(conversation.pk)})
        redis_client().flushdb()
        wait_until(lambda: is_attended(conversation, conversation.seller), "a heartbeat")
        server.kill()
        wait_until(lambda: not is_attended(conversation, conversation.seller), "the end of the TTL")
