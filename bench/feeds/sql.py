"""The bare statements of a request, sent by psycopg as the project sends them."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg

from bench.feeds.scenarios import Scenario, Statements
from bench.load import CLIENT_CORE, SERVER_CORE


def measure_sql(database_url: str, scenario: Scenario, statements: Statements, seconds: float) -> list[float]:
    """Send each request's statements in turn, on the server's core; return seconds."""
    from soukloop.core.fast_reads.pool import numbered  # noqa: PLC0415 - Django must be set up first

    requests = [
        [(each.has_one_plan, numbered(each.sql), each.params) for each in statements[path]]
        for path in scenario.paths
    ]
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        with ExitStack() as ending:
            cursors = {
                has_one_plan: ending.enter_context(_cursor(database_url, plans))
                for has_one_plan, plans in ((True, "auto"), (False, "force_custom_plan"))
            }
            times: list[float] = []
            started = now = time.perf_counter()
            while now - started < seconds:
                for has_one_plan, sql, params in requests[len(times) % len(requests)]:
                    cursors[has_one_plan].execute(sql, params, prepare=True)
                    cursors[has_one_plan].fetchall()
                before, now = now, time.perf_counter()
                times.append(now - before)
            return times
    finally:
        os.sched_setaffinity(0, {CLIENT_CORE})


@contextmanager
def _cursor(database_url: str, plans: str) -> Iterator[psycopg.RawCursor[Any]]:
    options = f"-c max_parallel_workers_per_gather=0 -c jit=off -c plan_cache_mode={plans}"
    with (
        psycopg.connect(database_url, autocommit=True, options=options) as link,
        psycopg.RawCursor(link) as cursor,
    ):
        cursor.execute("SELECT 1")
        yield cursor
