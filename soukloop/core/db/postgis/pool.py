"""Connections to PostgreSQL that are lent to threads."""

import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolTimeout

from soukloop.core.db.outage import PAUSE, Outage

# In seconds.
_CHECK_AFTER = 60.0  # since its last use a connection is asked; firewalls drop idle ones after minutes
_IDLE_MAX = 600.0
_LIFETIME = 3600.0  # a backend's caches of the catalogue only grow


class ThreadPool:
    """At most `max_size` connections; the one that was returned last is lent first.

    The thread that needs a connection opens it. psycopg_pool opens them on threads of its own, and after a
    failure waits 1, 2, 4, 8 s between its attempts while PostgreSQL has long been back: a restart of less
    than a second cost 21 s of 503. Django calls `open`, `getconn`, `putconn` and `close`.
    """

    def __init__(self, connect: Callable[[], Connection[Any]], *, max_size: int, timeout: float) -> None:
        self._connect = connect
        self._max_size = max_size
        self._timeout = timeout
        self._free = threading.BoundedSemaphore(max_size)
        self._idle: deque[Connection[Any]] = deque()  # used last at the right; appends and pops are atomic
        self._times: dict[Connection[Any], tuple[float, float]] = {}  # opened at, used at
        self._outage = Outage()
        self._is_closed = False

    def open(self) -> None:
        self._is_closed = False

    def getconn(self) -> Connection[Any]:
        """Return a working connection; raises PoolTimeout if none is free in time, and OperationalError."""
        if not self._free.acquire(timeout=self._timeout):
            raise PoolTimeout(f"no connection became free in {self._timeout:g} s")
        try:
            connection = self._idle_connection() or self._new_connection()
        except BaseException:
            self._free.release()
            raise
        connection._pool = self  # type: ignore[assignment]  # where Django's wrapper returns it
        return connection

    def putconn(self, connection: Connection[Any]) -> None:
        """Take a connection back; one in a transaction is rolled back first, and a lost one dropped."""
        connection._pool = None
        try:
            if self._is_reusable(connection):
                self._times[connection] = (self._times[connection][0], time.monotonic())
                self._idle.append(connection)
            else:
                self._drop(connection)
        finally:
            self._free.release()
        self._drop_unused()

    def close(self) -> None:
        """Close the idle connections; those that are lent are closed when they are returned."""
        self._is_closed = True
        while self._idle:
            self._drop(self._idle.popleft())

    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of connections that are used, that are idle, and that may be open."""
        idle = len(self._idle)
        return max(0, len(self._times) - idle), idle, self._max_size

    def _idle_connection(self) -> Connection[Any] | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if _is_alive(connection, idle_for=time.monotonic() - self._times[connection][1]):
                return connection
            self._drop(connection)

    def _new_connection(self) -> Connection[Any]:
        while True:
            try:
                connection = self._connect()
            except OperationalError:
                if not self._outage.failed():
                    raise
                time.sleep(PAUSE)
            else:
                self._outage.ended()
                self._times[connection] = (time.monotonic(), time.monotonic())
                return connection

    def _is_reusable(self, connection: Connection[Any]) -> bool:
        status = connection.pgconn.transaction_status
        if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            try:
                connection.rollback()
            except OperationalError:
                return False
            status = connection.pgconn.transaction_status
        opened_at, _ = self._times[connection]
        return (
            status == TransactionStatus.IDLE
            and not self._is_closed
            and time.monotonic() - opened_at < _LIFETIME
        )

    def _drop(self, connection: Connection[Any]) -> None:
        self._times.pop(connection, None)
        connection.close()

    def _drop_unused(self) -> None:
        """Close the connection that was not used for the longest time, if that is long."""
        try:
            connection = self._idle.popleft()
        except IndexError:
            return
        if time.monotonic() - self._times[connection][1] > _IDLE_MAX:
            self._drop(connection)
        else:
            self._idle.appendleft(connection)


def _is_alive(connection: Connection[Any], idle_for: float) -> bool:
    """Look at a connection's socket, and ask the server only after a long time.

    A server that closes a connection sends a message first, which is unread data, so a round trip before each
    request is not needed.
    """
    if connection.closed:
        return False
    if idle_for < _CHECK_AFTER and not _has_unread_data(connection):
        return True
    try:
        connection.execute("")
    except OperationalError:
        return False
    return True


def _has_unread_data(connection: Connection[Any]) -> bool:
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
