"""A web process continues to serve after clients disconnect and PostgreSQL closes its connections."""

import itertools
import json
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from accounts.tokens import access_token_for
from chat.models import Message
from chat.tests.factories import make_conversation

pytestmark = pytest.mark.faults

DJANGO_PATH = "/api/v1/categories/sneakers"
FEED_PATH = "/api/v1/feeds/discover"
POOL = 3


def start(live_server_process: Any) -> Any:
    [server] = live_server_process(fresh=True, environment={"DATABASE_POOL_SIZE": str(POOL)})
    return server


def status_of(server: Any, path: Any, *, within: float = 15) -> Any:
    try:
        with urllib.request.urlopen(server.url + path, timeout=within) as answer:
            json.load(answer)
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def disconnect_before_answers(server: Any, path: Any, requests: Any) -> None:
    """Send this number of requests, and reset the connection before the responses."""
    link = socket.create_connection(("127.0.0.1", server.port))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * requests)
    time.sleep(0.01)
    link.close()


def test_clients_that_disconnect_leak_no_database_connection(live_server_process: Any) -> None:
    server = start(live_server_process)
    for path in (DJANGO_PATH, FEED_PATH, "/api/v1/categories"):
        for requests in (1, 2, 5):
            for _ in range(POOL + 1):
                disconnect_before_answers(server, path, requests)
    started = time.monotonic()
    assert [status_of(server, path) for path in (DJANGO_PATH, FEED_PATH, "/readyz")] == [200] * 3
    assert time.monotonic() - started < 5
    assert "Traceback" not in server.log()


def test_connections_closed_by_postgresql_fail_no_request(live_server_process: Any) -> None:
    server = start(live_server_process)
    assert [status_of(server, path) for path in (DJANGO_PATH, FEED_PATH)] == [200] * 2
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert len(cursor.fetchall()) >= 2
    assert [status_of(server, path) for path in (DJANGO_PATH, FEED_PATH, DJANGO_PATH, FEED_PATH)] == [200] * 4


PATHS = (DJANGO_PATH, FEED_PATH, "/api/v1/categories", "/readyz")


class Readers:
    """Threads that read all paths in turn, and note when each request ended and with what status."""

    def __init__(self, server: Any, count: int) -> None:
        self.results: list[tuple[float, str, int]] = []
        self._server = server
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=[number]) for number in range(count)]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _read(self, number: int) -> None:
        for path in itertools.cycle(PATHS[number % 4 :] + PATHS[: number % 4]):
            if self._is_over.is_set():
                return
            status = status_of(self._server, path)
            self.results.append((time.monotonic(), path, status))


@pytest.mark.parametrize("readers", [1, 8])
def test_ending_all_connections_again_and_again_fails_at_most_one_read(
    live_server_process: Any, readers: Any
) -> None:
    server = start(live_server_process)
    with Readers(server, readers) as reading:
        for _ in range(5):
            time.sleep(0.4)
            end_all_connections()
            time.sleep(0.4)
    assert len(reading.results) > 50
    assert [(path, status) for _, path, status in reading.results if status != 200] == []


def end_all_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class Writer(threading.Thread):
    """Sends messages to a conversation, each with an Idempotency-Key."""

    def __init__(self, server: Any) -> None:
        super().__init__()
        conversation = make_conversation()
        token = access_token_for(conversation.buyer)
        self.is_over = False
        self.statuses: list[int] = []
        self._url = f"{server.url}/api/v1/conversations/{conversation.pk}/messages"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def run(self) -> None:
        while not self.is_over:
            body = json.dumps({"content": f"Message {len(self.statuses)}"}).encode()
            headers = {**self._headers, "Idempotency-Key": str(uuid4())}
            message = urllib.request.Request(self._url, body, headers)
            try:
                with urllib.request.urlopen(message, timeout=15) as answer:
                    self.statuses.append(answer.status)
            except urllib.error.HTTPError as error:
                self.statuses.append(error.code)
            time.sleep(0.03)


def test_ending_all_connections_fails_no_write_with_an_idempotency_key_and_doubles_none(
    live_server_process: Any,
) -> None:
    server = start(live_server_process)
    writers = [Writer(server) for _ in range(8)]
    for writer in writers:
        writer.start()
    for _ in range(6):
        time.sleep(0.6)
        end_all_connections()
    time.sleep(0.6)
    for writer in writers:
        writer.is_over = True
        writer.join()
    statuses = [status for writer in writers for status in writer.statuses]
    assert len(statuses) > 50
    assert [status for status in statuses if status not in (201, 429)] == []
    assert Message.objects.count() == statuses.count(201)


def test_ending_all_connections_fails_no_command_of_a_socket_afterwards(
    live_server_process: Any, bare_client: Any
) -> None:
    server = start(live_server_process)
    conversation = make_conversation()
    client = bare_client(server, access_token_for(conversation.buyer))
    for number in range(4):
        data = {"conversation_id": str(conversation.pk), "content": f"Message {number}"}
        assert client.call("message:send", data)["success"]
        end_all_connections()
        time.sleep(0.1)
    assert Message.objects.count() == 4


def test_after_a_crash_of_postgresql_reads_succeed_within_two_seconds(
    live_server_process: Any, own_postgres: Any
) -> None:
    [server] = live_server_process(fresh=True, environment={"DATABASE_URL": own_postgres.url})
    with Readers(server, 8) as reading:
        time.sleep(1.5)
        own_postgres.crash()
        time.sleep(8)  # so long that waits which grow would be long
        own_postgres.start()
        back_at = time.monotonic()
        time.sleep(4)
    during = [status for ended_at, _, status in reading.results if ended_at < back_at]
    late = [status for ended_at, _, status in reading.results if ended_at > back_at + 2]
    assert 503 in during
    assert len(late) > 20
    assert set(late) == {200}


def test_feeds_searches_and_suggestions_are_refused_in_time_while_postgresql_hangs(
    live_server_process: Any, own_postgres: Any
) -> None:
    [server] = live_server_process(fresh=True, environment={"DATABASE_URL": own_postgres.url})
    paths = [
        FEED_PATH,
        "/api/v1/feeds/community?latitude=25&longitude=55",
        "/api/v1/search?q=nike",
        "/api/v1/search/suggest?q=ni",
    ]
    assert [status_of(server, path) for path in paths] == [200] * 4
    with own_postgres.stopped(), ThreadPoolExecutor(len(paths)) as pool:
        started = time.monotonic()
        assert list(pool.map(lambda path: status_of(server, path, within=25), paths)) == [503] * 4
        assert time.monotonic() - started < 20  # 10 s, on a busy machine
    assert [status_of(server, path) for path in paths] == [200] * 4
