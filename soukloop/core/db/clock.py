"""The database's clock, for every time that one process writes and another judges: hosts' clocks differ."""

import asyncio
import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from django.db import Error, connection
from django.utils import timezone
from psycopg_pool import PoolTimeout

logger = logging.getLogger(__name__)

_MEASURE_EVERY = 10.0  # seconds
_STEP = 0.05  # seconds; a host's clock that was set is measured again at once
_DIFFERENCE_LOGGED = 1.0  # seconds


class DatabaseClock:
    """Tells PostgreSQL's time without asking it each time: this host's time plus the measured difference.

    The difference is measured on the caller's connection, at most once in ten seconds, so that a request
    rarely has another round trip. It is right within half a round trip. While it can't be measured, because
    PostgreSQL is unavailable or the caller is on an event loop, the last one is used.
    """

    def __init__(self) -> None:
        self.is_measured = True  # tests turn it off, where one machine has one clock
        self._lock = threading.Lock()
        self._difference = timedelta(0)
        self._next_at = 0.0
        self._wall_minus_monotonic = 0.0

    def now(self) -> datetime:
        """Return PostgreSQL's time."""
        if self.is_measured and self._is_due():
            self._measure()
        return timezone.now() + self._difference

    def _is_due(self) -> bool:
        """Return whether to measure; True for one of several threads that ask at once."""
        monotonic = time.monotonic()
        step = abs(time.time() - monotonic - self._wall_minus_monotonic)
        if (monotonic < self._next_at and step < _STEP) or _is_on_event_loop():
            return False
        with self._lock:
            if monotonic < self._next_at and step < _STEP:
                return False
            self._next_at = monotonic + _MEASURE_EVERY
            self._wall_minus_monotonic = time.time() - monotonic
            return True

    def _measure(self) -> None:
        if connection.needs_rollback:
            return
        try:
            with connection.cursor() as cursor:  # connects first, which takes longer than the query
                before = time.time()
                cursor.execute("SELECT clock_timestamp()")
                [theirs] = cursor.fetchone()
                after = time.time()
        except (Error, PoolTimeout) as error:
            logger.info("the database's clock could not be read: %s", error)
            return
        difference = theirs - datetime.fromtimestamp((before + after) / 2, UTC)
        if abs((difference - self._difference).total_seconds()) > _DIFFERENCE_LOGGED:
            logger.warning("this host's clock is %.1f s behind the database's", difference.total_seconds())
        self._difference = difference


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


database_clock = DatabaseClock()
database_now = database_clock.now
