"""Feeds, deep pages and search: our endpoint, its SQL alone, a FastAPI peer, in one run on one core."""

import json
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from soukloop.core.reads import Statement

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"
VENV = ROOT / ".local" / "bench" / "venv"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
SIZES = [int(size) for size in os.environ.get("FEEDS_SIZES", "100000,1000000").split(",")]
ROUNDS = int(os.environ.get("FEEDS_ROUNDS", "3"))
SECONDS = float(os.environ.get("FEEDS_SECONDS", "1"))
CONNECTIONS = 8
SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1
PLACES = [
    (25.0805, 55.1403),
    (25.1972, 55.2744),
    (25.2711, 55.3075),
    (25.0693, 55.1417),
    (24.4764, 54.3408),
    (25.3236, 55.3863),
    (25.4052, 55.5136),
    (24.2075, 55.7447),
]
OURS, BY_DJANGO, SQL, PEER = "Souk Loop", "its view, through Django", "the SQL, psycopg", "FastAPI"
# What is not plain is left to Django's middleware and the view of the same URL: a very long query, say.
NOT_PLAIN = "&padding=" + "-" * 4096

Paths = list[str]
Statements = dict[str, list["Statement"]]


def main() -> None:
    _install_peer()
    for size in SIZES:
        with _catalogue(size) as database_url:
            scenarios = _scenarios()
            statements = _statements([path for paths in scenarios.values() for path in paths])
            with _servers(database_url, statements) as ports:
                _check_same(ports, scenarios)
                print(f"{size:,} products, {ROUNDS} rounds of {SECONDS:g} s:")
                for name, paths in scenarios.items():
                    _compare(name, paths, ports, statements, database_url)


def _compare(
    name: str, paths: Paths, ports: dict[str, int], statements: Statements, database_url: str
) -> None:
    runs: dict[str, Callable[[], list[float]]] = {
        OURS: lambda: _ask(ports[OURS], paths, 1),
        BY_DJANGO: lambda: _ask(ports[OURS], [path + NOT_PLAIN for path in paths], 1),
        SQL: lambda: _send(database_url, [statements[path] for path in paths]),
        PEER: lambda: _ask(ports[PEER], paths, 1),
        _busy(OURS): lambda: _ask(ports[OURS], paths, CONNECTIONS),
        _busy(BY_DJANGO): lambda: _ask(ports[OURS], [path + NOT_PLAIN for path in paths], CONNECTIONS),
        _busy(PEER): lambda: _ask(ports[PEER], paths, CONNECTIONS),
    }
    times: dict[str, list[list[float]]] = {way: [] for way in runs}
    for _ in range(ROUNDS):
        for way, run in runs.items():
            times[way].append(run())
    print(f"  {name}")
    print(f"    {'':40}{'requests/s':>12}{'p50, ms':>10}{'p99, ms':>10}")
    for way, rounds in times.items():
        pooled = sorted(value for values in rounds for value in values)
        rate = statistics.median(len(values) / SECONDS for values in rounds)
        print(
            f"    {way:40}{rate:>12,.0f}{_percentile(pooled, 0.5):>10.1f}{_percentile(pooled, 0.99):>10.1f}"
        )
    over = _ratio(times[OURS], times[SQL])
    rate, gain = (_rate_ratio(times[_busy(OURS)], times[_busy(way)]) for way in (PEER, BY_DJANGO))
    print(
        f"    time over the SQL's × {over:.2f}, wanted ≤ 1.5; requests/s over FastAPI's × {rate:.2f}, ≥ 1.0;"
        f" over Django's × {gain:.2f}"
    )
    sys.stdout.flush()


def _ratio(mine: list[list[float]], theirs: list[list[float]]) -> float:
    pairs = zip(mine, theirs, strict=True)
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)


def _rate_ratio(mine: list[list[float]], theirs: list[list[float]]) -> float:
    return statistics.median(len(a) / len(b) for a, b in zip(mine, theirs, strict=True))


def _busy(way: str) -> str:
    return f"{way}, {CONNECTIONS} connections"


def _percentile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000


def _scenarios() -> dict[str, Paths]:
    """Return what is asked for: each a handful of different URLs that take turns."""
    from listings.models import Product, SearchWord  # noqa: PLC0415 - Django must be set up first
    from soukloop.core.pagination import encode_cursor  # noqa: PLC0415

    listed = Product.objects.filter(
        status="active", feed_type="discover", seller_closed=False, live_stream_id__isnull=True
    ).order_by("-created_at", "-id")
    count = listed.count()
    deep = [listed[count * tenth // 10] for tenth in range(1, 10)]
    words = list(SearchWord.objects.order_by("-uses", "word").values_list("display", flat=True)[:160:20])
    sorts = ("recent", "popular", "price_low", "price_high")
    return {
        "discover": [f"/api/v1/feeds/discover?sort={sort}" for sort in sorts],
        "community, nearest": [
            f"/api/v1/feeds/community?latitude={latitude}&longitude={longitude}"
            for latitude, longitude in PLACES
        ],
        "discover, deep by cursor": [
            "/api/v1/feeds/discover?cursor="
            + encode_cursor("recent", False, product.created_at.isoformat(), product.pk)
            for product in deep
        ],
        "search with facets": [f"/api/v1/search?q={quote(word)}" for word in words],
    }


def _statements(paths: Paths) -> Statements:
    """Return the statements that each URL makes the project send; the page comes with the last."""
    from django.db import connection  # noqa: PLC0415
    from django.http import QueryDict  # noqa: PLC0415

    from listings import queries  # noqa: PLC0415
    from listings.selectors import feeds, search  # noqa: PLC0415
    from soukloop.core.reads import fetch  # noqa: PLC0415

    ways: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "/api/v1/feeds/discover": (queries.discover_query, feeds.discover_feed),
        "/api/v1/feeds/community": (queries.community_query, feeds.community_feed),
        "/api/v1/search": (queries.search_query, search.search_products),
    }
    statements: Statements = {}
    for path in paths:
        url = urlsplit(path)
        parse, answer = ways[url.path]
        reads = answer(parse(QueryDict(url.query)), viewer=None)
        statements[path] = sent = [next(reads)]
        with suppress(StopIteration):
            while True:
                sent.append(reads.send(fetch(sent[-1])))
    connection.close()
    return statements


def _send(database_url: str, requests: list[list["Statement"]]) -> list[float]:
    """Send each request's statements in turn over one connection, as the project does; return seconds."""
    import psycopg  # noqa: PLC0415

    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        options = "-c max_parallel_workers_per_gather=0 -c jit=off"
        with psycopg.connect(_plain(database_url), autocommit=True, options=options) as link:
            kept, single = psycopg.Cursor(link), psycopg.ClientCursor(link)
            kept.execute("SELECT 1")
            times: list[float] = []
            started = now = time.perf_counter()
            while now - started < SECONDS:
                for statement in requests[len(times) % len(requests)]:
                    cursor = kept if statement.has_one_plan else single
                    cursor.execute(statement.sql, statement.params, prepare=statement.has_one_plan)
                    cursor.fetchall()
                before, now = now, time.perf_counter()
                times.append(now - before)
            return times
    finally:
        os.sched_setaffinity(0, {CLIENT_CORE})


def _ask(port: int, paths: Paths, connections: int) -> list[float]:
    """Ask for the URLs in turn, each connection for its next as soon as it has an answer."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
    links = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    waiting: dict[int, tuple[socket.socket, bytearray, float]] = {}
    poll = select.epoll()
    times: list[float] = []
    asked = 0

    def ask(link: socket.socket) -> None:
        nonlocal asked
        waiting[link.fileno()] = (link, bytearray(), time.perf_counter())
        link.sendall(requests[asked % len(requests)])
        asked += 1

    for link in links:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(link.fileno(), select.EPOLLIN)
        ask(link)
    ends = time.perf_counter() + SECONDS
    while time.perf_counter() < ends:
        for descriptor, _ in poll.poll(0.05):
            link, answer, since = waiting[descriptor]
            answer += link.recv(1 << 18)
            if _is_whole(answer):
                times.append(time.perf_counter() - since)
                ask(link)
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


def _check_same(ports: dict[str, int], scenarios: dict[str, Paths]) -> None:
    """Refuse to compare servers that answer with different products; warms both up."""
    for paths in scenarios.values():
        for path in paths:
            shown = []
            for way in (OURS, PEER):
                with urllib.request.urlopen(f"http://127.0.0.1:{ports[way]}{path}", timeout=60) as answer:
                    items = json.load(answer)["data"]["items"]
                shown.append([(item["id"], sorted(item)) for item in items])
            if shown[0] != shown[1] or not shown[0]:
                raise RuntimeError(f"{path} is answered differently, or with nothing.")


@contextmanager
def _catalogue(size: int) -> Iterator[str]:
    """Use the catalogue of this size, kept since an earlier run or seeded now, and yield its URL."""
    from django.core.management import call_command  # noqa: PLC0415

    from bench.database import kept_database  # noqa: PLC0415 - sets Django up
    from listings.models import Product  # noqa: PLC0415

    with kept_database(f"bench_catalogue_{size}", lambda: Product.objects.count() == size) as (url, is_new):
        if is_new:
            call_command("seed_catalogue", products=size, stdout=sys.stderr)
        yield url


@contextmanager
def _servers(database_url: str, statements: Statements) -> Iterator[dict[str, int]]:
    from soukloop.realtime.testing.servers import ServerProcess, free_port  # noqa: PLC0415

    with ExitStack() as ending:
        os.sched_setaffinity(0, {SERVER_CORE})  # inherited by what is started now
        ours = ServerProcess(
            "uvicorn",
            database_url,
            # As in production: hits are counted in Redis, statements aren't kept for a debug page.
            {
                "DJANGO_SETTINGS_MODULE": "bench.settings",
                "DEBUG": "false",
                "ALLOWED_HOSTS": "localhost,127.0.0.1",
            },
        )
        ending.callback(ours.terminate)
        port = free_port()
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            ending.callback(Path(file.name).unlink)
            json.dump(
                {
                    path: [(each.sql, _typed(each.params), each.has_one_plan) for each in sent]
                    for path, sent in statements.items()
                },
                file,
            )
        peer = subprocess.Popen(
            [
                VENV / "bin" / "python",
                "-m",
                "uvicorn",
                "feeds_fastapi:app",
                "--no-access-log",
                "--port",
                str(port),
            ],
            cwd=PEERS,
            env={
                "FEEDS_STATEMENTS": file.name,
                "FEEDS_DATABASE_URL": _plain(database_url).replace("postgresql:", "postgresql+asyncpg:", 1),
            },
        )
        ending.callback(peer.wait)
        ending.callback(peer.terminate)
        os.sched_setaffinity(0, {CLIENT_CORE})
        ours.wait_until_ready()
        _wait_for(port)
        yield {OURS: ours.port, PEER: port}


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The peer does not serve.")


def _typed(params: Any) -> list[tuple[str, str]]:
    return [
        (type(value).__name__, value.isoformat() if hasattr(value, "isoformat") else str(value))
        for value in params
    ]


def _plain(database_url: str) -> str:
    return urlsplit(database_url)._replace(scheme="postgresql").geturl()


def _install_peer() -> None:
    """Install what the peer needs, as pinned, unless it is there."""
    done = VENV / "installed.txt"
    if done.exists() and done.read_text() == REQUIREMENTS.read_text():
        return
    venv.create(VENV, with_pip=True, clear=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", REQUIREMENTS], check=True)
    done.write_text(REQUIREMENTS.read_text())
