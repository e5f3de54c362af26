"""Connections to PostgreSQL are checked before they are used again, without a round trip."""

from collections.abc import Iterator
from typing import Any, cast

import psycopg
import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from accounts.tests.factories import make_user
from soukloop.core.db.postgis import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Begin and end with no connection in use; the pool has one, which is used again and again."""
    wrapper = cast(base.DatabaseWrapper, connection)
    for close in (wrapper.close, wrapper.close_pool):
        close()
    wrapper.pool.open(wait=True)  # otherwise who asks before the first is there makes it open a second one
    yield
    for close in (wrapper.close, wrapper.close_pool):
        close()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note the connections that are checked by a round trip."""
    checked: list[Any] = []
    original = ConnectionPool.check_connection

    def check(link: Any) -> None:
        checked.append(link)
        original(link)

    monkeypatch.setattr(ConnectionPool, "check_connection", check)
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
    monkeypatch.setattr(base, "_CHECK_AFTER", 0.0)
    lend()
    assert len(checks) == 1


def test_locations_are_read_and_written_over_a_connection_that_was_used_before() -> None:
    from listings.tests.factories import DUBAI_MARINA  # noqa: PLC0415

    lend()
    user = make_user(location=DUBAI_MARINA)
    user.refresh_from_db()
    assert user.location == DUBAI_MARINA
