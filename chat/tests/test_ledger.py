"""Nothing that was acknowledged is lost or doubled when a web process or Redis is killed under load."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from chat.models import Conversation
from chat.tests.factories import make_conversation
from chat.tests.ledger import Listener, Writer, assert_counts_are_right, assert_ledger_holds, readable
from soukloop.realtime.testing import ServerFactory
from soukloop.realtime.testing.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)

CONVERSATIONS = 3


class PrivateRedis:
    """A Redis of the test's own, without persistence, to be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                shutil.which("redis-server") or "redis-server",
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
                *("--dir", str(self.folder)),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                redis.Redis.from_url(self.url).ping()
                return
            except redis.RedisError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    server = PrivateRedis(tmp_path)
    yield server
    server.kill()


def writers_of(conversations: list[Conversation], *picks: Any) -> list[Writer]:
    """Return both sides of each conversation as writers, over the servers in turn."""
    return [
        Writer(person, conversation.pk, picks[number % len(picks)])
        for conversation in conversations
        for number, person in enumerate((conversation.buyer, conversation.seller))
    ]


def check(conversations: list[Conversation], writers: list[Writer], server: Any) -> None:
    for conversation in conversations:
        own = [writer for writer in writers if writer.conversation_id == str(conversation.pk)]
        messages = readable(server, conversation.buyer, conversation.pk)
        assert_ledger_holds(own, messages)
        assert_counts_are_right(conversation)


def test_a_killed_web_process_loses_and_doubles_nothing(live_server_process: ServerFactory) -> None:
    conversations = [make_conversation() for _ in range(CONVERSATIONS)]
    (doomed,), (safe,) = live_server_process(fresh=True), live_server_process()

    def either(preferred: Any) -> Any:
        return lambda: preferred if preferred.is_running else safe

    listener = Listener(conversations[0].seller, conversations[0].pk, either(doomed))
    listener.connect()
    writers = writers_of(conversations, either(doomed), either(safe))
    for writer in writers:
        writer.start()
    time.sleep(1.5)
    doomed.kill()
    listener.connect()
    time.sleep(1.5)
    for writer in writers:
        writer.stop()
    listener.catch_up()
    check(conversations, writers, safe)
    assert all(writer.reconnections >= 2 for writer in writers[::2])  # it was killed under them
    messages = readable(safe, conversations[0].seller, conversations[0].pk)
    assert listener.all_messages() == {message["seq"]: message["content"] for message in messages}
    listener.close()


def test_a_killed_redis_loses_and_doubles_nothing(
    live_server_process: ServerFactory, private_redis: PrivateRedis
) -> None:
    conversations = [make_conversation() for _ in range(CONVERSATIONS)]
    (server,) = live_server_process(fresh=True, environment={"REDIS_URL": private_redis.url})
    listener = Listener(conversations[0].seller, conversations[0].pk, lambda: server)
    listener.connect()
    writers = writers_of(conversations, lambda: server)
    for writer in writers:
        writer.start()
    time.sleep(1.0)
    private_redis.kill()
    time.sleep(1.0)
    sent_without = sum(len(writer.ledger) for writer in writers)
    time.sleep(1.0)
    assert sum(len(writer.ledger) for writer in writers) > sent_without  # it goes on without Redis
    private_redis.start()
    time.sleep(1.0)
    for writer in writers:
        writer.stop()
    listener.catch_up()
    check(conversations, writers, server)
    messages = readable(server, conversations[0].seller, conversations[0].pk)
    assert listener.all_messages() == {message["seq"]: message["content"] for message in messages}
    assert all(writer.reconnections == 1 for writer in writers)  # at their own end: no socket was dropped
    listener.close()
