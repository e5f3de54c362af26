"""How long connecting to PostgreSQL is tried again, and which errors mean that a connection was lost."""

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from django.db import Error as DjangoDatabaseError
from django.db import connection
from psycopg_pool import PoolTimeout

T = TypeVar("T")

PAUSE = 0.05  # seconds between two attempts
_REPETITIONS_MAX = 2
_TRY_FOR = 2.0  # seconds from the first failure; a server that crashed is back within about one
# The server ends this connection, or all of them, or does not accept any yet.
_LOST = ("57P01", "57P02", "57P03", "57P05", "25P03", "08")


class Outage:
    """Remember since when connecting fails, so that only the first seconds of an outage are waited for.

    A server that restarts is back soon, and waiting saves the requests of that moment. In a longer outage
    every request would hold a thread for nothing, so each is refused at once.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def failed(self) -> bool:
        """Record a failed attempt to connect; return whether to try again."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since < _TRY_FOR

    def ended(self) -> None:
        self._since = None


def is_lost_connection(error: BaseException) -> bool:
    """Return whether a statement failed because its connection ended, not because of what it asked for."""
    cause = error.__cause__ if isinstance(error, DjangoDatabaseError) else error
    if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    if isinstance(cause, PoolTimeout):
        return False
    # libpq's own errors, such as "server closed the connection unexpectedly", have no code.
    return cause.sqlstate is None or cause.sqlstate.startswith(_LOST)


def repeat_if_lost(function: Callable[[], T]) -> T:
    """Call a function, and up to twice more if its connection is lost.

    It must have the same effect twice as once. Twice: a slow machine may lose the second connection, too.
    """
    for _ in range(_REPETITIONS_MAX):
        try:
            return function()
        except DjangoDatabaseError as error:
            if not is_lost_connection(error) or connection.in_atomic_block:
                raise
            connection.close()
    return function()
