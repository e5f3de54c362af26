"""Connections to PostgreSQL: lent, checked without a round trip, replaced when they were lost."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from psycopg_pool import PoolTimeout

from accounts.tests.factories import make_user
from soukloop.core.db.outage import is_lost_connection
from soukloop.core.db.postgis import pool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Begin and end with no connection in use; the pool has one, which is used again and again."""
    for close in (wrapper().close, wrapper().close_pool):
        close()
    yield
    for close in (wrapper().close, wrapper().close_pool):
        close()


def wrapper() -> Any:
    return connections["default"]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note the connections that are checked by a round trip."""
    checked: list[Any] = []
    original = psycopg.Connection.execute

    def execute(link: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if query == "":
            checked.append(link)
        return original(link, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Connection, "execute", execute)
    return checked


def lend() -> int:
    """Use a connection as a request does; return the process that serves it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    connection.close()
    return pid


def end_from_outside(pid: int) -> None:
    options = connection.get_connection_params()
    for ours in ("pool", "cursor_factory", "context", "prepare_threshold"):
        options.pop(ours, None)
    with psycopg.connect(**options, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_connection_that_was_just_used_is_taken_without_a_round_trip(checks: list[Any]) -> None:
    first = lend()
    checks.clear()
    assert [lend() for _ in range(3)] == [first] * 3
    assert checks == []


def test_a_connection_that_the_server_ended_is_replaced() -> None:
    first = lend()
    end_from_outside(first)
    assert lend() != first


def test_a_connection_that_was_idle_for_long_is_asked(
    checks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lend()
    checks.clear()
    monkeypatch.setattr(pool, "_CHECK_AFTER", 0.0)
    lend()
    assert len(checks) == 1


def test_locations_are_read_and_written_over_a_connection_that_was_used_before() -> None:
    from listings.tests.factories import DUBAI_MARINA  # noqa: PLC0415

    lend()
    user = make_user(location=DUBAI_MARINA)
    user.refresh_from_db()
    assert user.location == DUBAI_MARINA


def test_a_connection_returned_in_a_transaction_is_rolled_back_and_lent_again() -> None:
    first = lend()
    lent = wrapper().pool.getconn()
    lent.autocommit = False
    lent.execute("CREATE TABLE left_over ()")
    wrapper().pool.putconn(lent)
    lent.autocommit = True
    assert lend() == first
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('left_over')")
        assert cursor.fetchone() == (None,)


def test_no_more_connections_are_lent_than_allowed_and_a_waiting_thread_gets_the_next() -> None:
    own = pool.ThreadPool(wrapper()._connect, max_size=2, timeout=0.2)
    lent = [own.getconn(), own.getconn()]
    with pytest.raises(PoolTimeout):
        own.getconn()
    own._timeout = 5.0
    threading.Timer(0.1, own.putconn, [lent[0]]).start()
    assert own.getconn() is lent[0]
    own.close()
    for link in lent:
        own.putconn(link)
    assert all(link.closed for link in lent)


def test_the_first_seconds_of_an_outage_are_waited_for_and_later_requests_fail_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_down = True

    def connect() -> Any:
        if is_down:
            raise psycopg.OperationalError("the database system is starting up")
        return wrapper()._connect()

    own = pool.ThreadPool(connect, max_size=2, timeout=1.0)
    started = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        own.getconn()
    assert 1.9 < time.monotonic() - started < 5
    started = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        own.getconn()
    assert time.monotonic() - started < 1  # not the 2 s again
    is_down = False
    lent = own.getconn()
    own.putconn(lent)
    own.close()


def test_only_errors_of_the_connection_count_as_a_lost_one() -> None:
    assert is_lost_connection(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert is_lost_connection(psycopg.errors.AdminShutdown())
    assert is_lost_connection(psycopg.errors.CrashShutdown())
    assert not is_lost_connection(psycopg.errors.LockNotAvailable())
    assert not is_lost_connection(psycopg.errors.DiskFull())
    assert not is_lost_connection(PoolTimeout())
    assert not is_lost_connection(ValueError())
