"""Pytest fixtures for sockets and running servers, loaded by the root `conftest.py`."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from soukloop.core import jsonlib
from soukloop.realtime.publisher import Receipt, publisher
from soukloop.realtime.testing import descriptions
from soukloop.realtime.testing.clients import JS_CLIENT, BareClient, SocketIoClient
from soukloop.realtime.testing.descriptions import MARK
from soukloop.realtime.testing.node import install_packages
from soukloop.realtime.testing.postgres_process import PostgresProcess
from soukloop.realtime.testing.redis_process import RedisProcess
from soukloop.realtime.testing.servers import ServerProcess

Captured = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def events_are_as_described() -> Iterator[None]:
    """Check each event that a test's own process publishes against the AsyncAPI document."""
    with pytest.MonkeyPatch.context() as patch:
        descriptions.install(patch)
        yield


@pytest.fixture
def captured_events(monkeypatch: pytest.MonkeyPatch) -> Captured:
    """Collect (room, event, data) instead of publishing.

    Events published on commit are collected at the commit: in a transactional test that is automatic,
    otherwise use `django_capture_on_commit_callbacks(execute=True)`.
    """
    captured: Captured = []

    def send(room: str, message: dict[str, Any], receipt: Receipt | None = None) -> None:
        if message["type"] == "event":
            captured.append((room, message["event"], jsonlib.loads(message["data"])))
        else:
            details: dict[str, Any] = {}
            details |= {name: message[name] for name in ("reason", "kind") if name in message}
            captured.append((room, message["type"], details))

    monkeypatch.setattr(publisher, "send", send)
    return captured


ServerFactory = Callable[..., list[ServerProcess]]


@pytest.fixture(scope="session")
def _shared_servers(django_db_setup: None) -> Iterator[dict[Any, ServerProcess]]:
    servers: dict[Any, ServerProcess] = {}
    yield servers
    for server in servers.values():
        server.terminate()
        server.log_path.unlink()


@pytest.fixture
def live_server_process(
    _shared_servers: dict[Any, ServerProcess], transactional_db: None
) -> Iterator[ServerFactory]:
    """Return `start(n=1, server="uvicorn", fresh=False, environment={})`: a list of n serving web processes.

    The session's other tests reuse them, except `fresh` ones, which are for tests that kill a process. The
    fixture makes the test transactional, because the processes see only committed rows.
    """
    fresh_servers: list[ServerProcess] = []
    logged_before: dict[ServerProcess, int] = {}
    url = urlsplit(os.environ["DATABASE_URL"])
    database_url = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()

    def start(
        n: int = 1,
        server: str = "uvicorn",
        *,
        fresh: bool = False,
        environment: dict[str, str] | None = None,
    ) -> list[ServerProcess]:
        if fresh:
            started = [ServerProcess(server, database_url, environment or {}) for _ in range(n)]
            fresh_servers.extend(started)
        else:
            variables = tuple(sorted((environment or {}).items()))
            started = []
            for number in range(n):
                known = _shared_servers.get((server, number, variables))
                if known is None or not known.is_running:
                    known = ServerProcess(server, database_url, environment or {})
                    _shared_servers[(server, number, variables)] = known
                started.append(known)
        for process in started:
            logged_before.setdefault(process, len(process.log()))
            process.wait_until_ready()
        return started

    yield start
    mismatches = [log for process, size in logged_before.items() if MARK in (log := process.log()[size:])]
    for process in fresh_servers:
        process.terminate()
        process.log_path.unlink()
    assert mismatches == []


@pytest.fixture
def no_shared_servers(_shared_servers: dict[Any, ServerProcess]) -> None:
    """End the session's other web processes, which would sweep this database's outbox into their Redis."""
    for server in _shared_servers.values():
        server.terminate()


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    """Return a Redis to kill; start servers with `environment={"REDIS_URL": own_redis.url}`."""
    process = RedisProcess()
    yield process
    process.kill()


@pytest.fixture
def own_postgres(transactional_db: None) -> Iterator[PostgresProcess]:
    """Return a PostgreSQL to kill; start processes with `environment={"DATABASE_URL": own_postgres.url}`."""
    process = PostgresProcess()
    yield process
    process.remove()


@pytest.fixture
def bare_client() -> Iterator[Callable[..., BareClient]]:
    """Return `connect(server, token, path="/ws/", …)`: a plain WebSocket, closed after the test."""
    with contextlib.ExitStack() as clients:

        def open_client(server: ServerProcess, token: str | None = None, **options: Any) -> BareClient:
            return clients.enter_context(BareClient(server, token, **options))

        yield open_client


@pytest.fixture(scope="session")
def _node_modules() -> None:
    install_packages(JS_CLIENT)


@pytest.fixture
def sio_client(_node_modules: None) -> Iterator[Callable[..., SocketIoClient]]:
    """Return `connect(server, token, **options)`: a standard socket.io-client that has started to connect."""
    with contextlib.ExitStack() as clients:

        def open_client(server: ServerProcess, token: str | None = None, **options: Any) -> SocketIoClient:
            client = SocketIoClient(server, token, **options)
            clients.callback(client.check_descriptions)
            clients.callback(client.close)  # runs first
            return client

        yield open_client
