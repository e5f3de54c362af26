"""The measurements of each scenario, taken in turn, and the table that they give."""

import itertools
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.feeds.catalogue import catalogue
from bench.feeds.peer import check_same, feeds_peer, statements_file
from bench.feeds.scenarios import Scenario, Statements, scenarios, statements_of
from bench.feeds.sql import measure_sql
from bench.load import http_request, measure
from bench.rounds import Rounds, p50_ratio, percentile, rate, rate_ratio, take_turns
from bench.servers import Server, install_peer, libpq_url, project_server, running

SIZES = [int(size) for size in os.environ.get("FEEDS_SIZES", "100000,1000000").split(",")]
SECONDS = float(os.environ.get("FEEDS_SECONDS", "1"))
ROUNDS = int(os.environ.get("FEEDS_ROUNDS", "5"))
ONLY = os.environ.get("FEEDS_ONLY", "")  # a part of a scenario's name
CONNECTIONS = 8
OURS, SERVER, BY_DJANGO = "Souk Loop", "of that, in the server", "its view, through Django"
BEFORE, SQL, PEER = "before", "the SQL, psycopg", "FastAPI"
# Fast reads give a very long query to Django, where the same URL is a view.
FOR_DJANGO = "&padding=" + "-" * 4096


def main(before: Path | None = None) -> None:
    """Compare at each size, and print a table for each scenario."""
    install_peer()
    for size in SIZES:
        with catalogue(size) as database_url:
            asked = [scenario for scenario in scenarios() if ONLY in scenario.name]
            statements = statements_of(asked)
            with statements_file(statements) as file:
                starts = {OURS: partial(project_server, database_url)}
                if before is not None:
                    starts[BEFORE] = partial(project_server, database_url, before.resolve())
                starts[PEER] = partial(feeds_peer, database_url, file)
                with running(*starts.values()) as started:
                    servers = dict(zip(starts, started, strict=True))
                    check_same(started, asked)
                    print(f"{size:,} products, {ROUNDS} rounds of {SECONDS:g} s:")
                    for scenario in asked:
                        _show(scenario.name, _rounds(scenario, servers, statements, libpq_url(database_url)))


def _rounds(
    scenario: Scenario, servers: dict[str, Server], statements: Statements, database_url: str
) -> dict[str, Rounds]:
    in_server: Rounds = []

    def ask(server: Server, connections: int, more: str = "") -> list[float]:
        requests = [
            http_request("GET", path + more, authorization=scenario.authorization) for path in scenario.paths
        ]
        return measure(server.port, itertools.cycle(requests), connections, SECONDS)

    def ask_ours() -> list[float]:
        servers[OURS].logged_durations()  # skip what was logged before this run
        times = ask(servers[OURS], 1)
        in_server.append(servers[OURS].logged_durations())
        return times

    def ask_sql() -> list[float]:
        return measure_sql(database_url, scenario, statements, SECONDS)

    runs: dict[str, Callable[[], list[float]]] = {OURS: ask_ours}
    runs[BY_DJANGO] = partial(ask, servers[OURS], 1, FOR_DJANGO)
    runs[SQL] = ask_sql
    runs |= {name: partial(ask, servers[name], 1) for name in servers if name != OURS}
    runs[_busy(OURS)] = partial(ask, servers[OURS], CONNECTIONS)
    runs[_busy(BY_DJANGO)] = partial(ask, servers[OURS], CONNECTIONS, FOR_DJANGO)
    runs |= {_busy(name): partial(ask, servers[name], CONNECTIONS) for name in servers if name != OURS}
    ask_sql()  # the first to ask reads from the disk for the others
    times = take_turns(runs, ROUNDS)
    return {OURS: times.pop(OURS), SERVER: in_server} | times


def _show(name: str, times: dict[str, Rounds]) -> None:
    print(f"  {name}")
    print(f"    {'':40}{'requests/s':>12}{'p50, ms':>10}{'p99, ms':>10}")
    for way, rounds in times.items():
        shown = "" if way == SERVER else f"{rate(rounds, SECONDS):,.0f}"
        print(f"    {way:40}{shown:>12}{percentile(rounds, 0.5):>10.2f}{percentile(rounds, 0.99):>10.1f}")
    in_server, to_client = (p50_ratio(times[way], times[SQL]) for way in (SERVER, OURS))
    peer, django = (rate_ratio(times[_busy(OURS)], times[_busy(way)]) for way in (PEER, BY_DJANGO))
    print(
        f"    server time over the SQL's × {in_server:.2f}, wanted ≤ 1.5; over its client's clock"
        f" × {to_client:.2f}; requests/s over FastAPI's × {peer:.2f}, ≥ 1.0; over Django's × {django:.2f}",
        flush=True,
    )
    if BEFORE in times:
        print(
            f"    over before: p50 × {p50_ratio(times[OURS], times[BEFORE]):.2f},"
            f" requests/s × {rate_ratio(times[OURS], times[BEFORE]):.2f} with 1,"
            f" × {rate_ratio(times[_busy(OURS)], times[_busy(BEFORE)]):.2f} with {CONNECTIONS}",
            flush=True,
        )


def _busy(way: str) -> str:
    return f"{way}, {CONNECTIONS} connections"
