"""Acknowledged messages are neither lost nor duplicated when a web process or Redis is killed under load."""

from typing import Any

import pytest

from chat.models import Conversation
from chat.tests.factories import make_conversation
from chat.tests.ledger import Listener, Writer, assert_counts_are_right, assert_ledger_holds, readable
from soukloop.realtime.testing import ServerFactory
from soukloop.realtime.testing.redis_process import RedisProcess
from soukloop.realtime.testing.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

CONVERSATIONS = 3


def writers_of(conversations: list[Conversation], *picks: Any) -> list[Writer]:
    """Return both sides of each conversation as writers, over the servers in turn."""
    return [
        Writer(person, conversation.pk, picks[number % len(picks)])
        for conversation in conversations
        for number, person in enumerate((conversation.buyer, conversation.seller))
    ]


def wait_for_messages(writers: list[Writer], count: int) -> None:
    """Wait until each writer has had so many more messages acknowledged."""
    enough = {writer: len(writer.ledger) + count for writer in writers}
    wait_until(
        lambda: all(len(writer.ledger) >= enough[writer] for writer in writers), "acknowledgements", 60
    )


def check(conversations: list[Conversation], writers: list[Writer], server: Any) -> None:
    for conversation in conversations:
        own = [writer for writer in writers if writer.conversation_id == str(conversation.pk)]
        messages = readable(server, conversation.buyer, conversation.pk)
        assert_ledger_holds(own, messages)
        assert_counts_are_right(conversation)


def test_a_killed_web_process_loses_and_duplicates_no_message(live_server_process: ServerFactory) -> None:
    conversations = [make_conversation() for _ in range(CONVERSATIONS)]
    (doomed,), (safe,) = live_server_process(fresh=True), live_server_process()

    def either(preferred: Any) -> Any:
        return lambda: preferred if preferred.is_running else safe

    listener = Listener(conversations[0].seller, conversations[0].pk, either(doomed))
    listener.connect()
    writers = writers_of(conversations, either(doomed), either(safe))
    for writer in writers:
        writer.start()
    wait_for_messages(writers, 20)
    doomed.kill()
    listener.connect()
    wait_for_messages(writers, 20)
    for writer in writers:
        writer.stop()
    listener.catch_up()
    check(conversations, writers, safe)
    assert all(writer.reconnections >= 2 for writer in writers[::2])  # it was killed under them
    messages = readable(safe, conversations[0].seller, conversations[0].pk)
    assert listener.all_messages() == {message["seq"]: message["content"] for message in messages}
    listener.close()


def test_a_killed_redis_loses_and_duplicates_no_message(
    live_server_process: ServerFactory, own_redis: RedisProcess
) -> None:
    conversations = [make_conversation() for _ in range(CONVERSATIONS)]
    (server,) = live_server_process(fresh=True, environment={"REDIS_URL": own_redis.url})
    listener = Listener(conversations[0].seller, conversations[0].pk, lambda: server, may_repeat=True)
    listener.connect()
    writers = writers_of(conversations, lambda: server)
    for writer in writers:
        writer.start()
    wait_for_messages(writers, 20)
    own_redis.kill()
    wait_for_messages(writers, 20)  # it goes on without Redis
    own_redis.start()
    wait_for_messages(writers, 20)
    for writer in writers:
        writer.stop()
    listener.catch_up()
    check(conversations, writers, server)
    messages = readable(server, conversations[0].seller, conversations[0].pk)
    assert listener.all_messages() == {message["seq"]: message["content"] for message in messages}
    assert all(writer.reconnections == 1 for writer in writers)  # at their own end: no socket was dropped
    listener.close()
