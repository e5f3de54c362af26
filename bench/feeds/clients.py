"""Who asks: HTTP connections that wait for their answers only, and psycopg with the bare statements."""

import os
import select
import socket
import time

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
    """Send each request's statements in turn over one connection, as the project does; return seconds."""
    import psycopg  # noqa: PLC0415 - installed once Django is

    from soukloop.core.links import numbered  # noqa: PLC0415

    requests = [
        [
            (numbered(each.sql) if each.has_one_plan else each.sql, each.params, each.has_one_plan)
            for each in statements[path]
        ]
        for path in scenario.paths
    ]
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        options = "-c max_parallel_workers_per_gather=0 -c jit=off"
        with psycopg.connect(database_url, autocommit=True, options=options) as link:
            kept, single = psycopg.RawCursor(link), psycopg.ClientCursor(link)
            kept.execute("SELECT 1")
            times: list[float] = []
            started = now = time.perf_counter()
            while now - started < SECONDS:
                for sql, params, has_one_plan in requests[len(times) % len(requests)]:
                    cursor = kept if has_one_plan else single
                    cursor.execute(sql, params, prepare=has_one_plan)
                    cursor.fetchall()
                before, now = now, time.perf_counter()
                times.append(now - before)
            return times
    finally:
        os.sched_setaffinity(0, {CLIENT_CORE})
