"""A web process continues to serve after clients disconnect and PostgreSQL closes its connections."""

import json
import socket
import struct
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from django.db import connection

pytestmark = pytest.mark.faults

DJANGO_PATH = "/api/v1/search/suggest?q=nike"
FEED_PATH = "/api/v1/feeds/discover"
POOL = 3


def start(live_server_process: Any) -> Any:
    [server] = live_server_process(fresh=True, environment={"DATABASE_POOL_SIZE": str(POOL)})
    return server


def status_of(server: Any, path: Any) -> Any:
    try:
        with urllib.request.urlopen(server.url + path, timeout=15) as answer:
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
