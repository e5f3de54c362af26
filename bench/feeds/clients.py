"""Who asks: HTTP connections that wait for their answers only, and psycopg with the bare statements."""

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg

from bench.feeds.scenarios import Scenario, Statements

SECONDS = float(os.environ.get("FEEDS_SECONDS", "1"))
SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1


def ask(port: int, scenario: Scenario, connections: int, *, more: str = "") -> list[float]:
    """Ask for the URLs in turn, each connection for its next as soon as it has an answer; return seconds."""
    authorization = f"Authorization: {scenario.authorization}\r\n" if scenario.authorization else ""
    requests = [
        f"GET {path}{more} HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n".encode()
        for path in scenario.paths
    ]
    links = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    waiting: dict[int, tuple[socket.socket, bytearray, float]] = {}
    poll = select.epoll()
    times: list[float] = []
    asked = 0

    def ask_next(link: socket.socket) -> None:
        nonlocal asked
        waiting[link.fileno()] = (link, bytearray(), time.perf_counter())
        link.sendall(requests[asked % len(requests)])
        asked += 1

    for link in links:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(link.fileno(), select.EPOLLIN)
        ask_next(link)
    ends = time.perf_counter() + SECONDS
    while time.perf_counter() < ends:
        for descriptor, _ in poll.poll(0.05):
            link, answer, since = waiting[descriptor]
            answer += link.recv(1 << 18)
            if _is_whole(answer):
                times.append(time.perf_counter() - since)
                ask_next(link)
    for link in links:
        link.close()
    poll.close()
    if not times:
        raise RuntimeError("Nothing was answered in time.")
    return times


def _is_whole(answer: bytearray) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode(errors="replace"))
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def send(database_url: str, scenario: Scenario, statements: Statements) -> list[float]:
    """Send each request's statements in turn as the project does; return seconds."""
    from soukloop.core.db.pool import numbered  # noqa: PLC0415 - Django must be set up first

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
            while now - started < SECONDS:
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
