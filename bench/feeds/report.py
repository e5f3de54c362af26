"""The runs of each way, in turn, and what they come to."""

import os
import statistics
from collections.abc import Callable

from bench.feeds.clients import SECONDS, ask, send
from bench.feeds.scenarios import Scenario, Statements, scenarios, statements_of
from bench.feeds.servers import OurServer, catalogue, check_same, install_peer, plain, servers

SIZES = [int(size) for size in os.environ.get("FEEDS_SIZES", "100000,1000000").split(",")]
ROUNDS = int(os.environ.get("FEEDS_ROUNDS", "5"))
CONNECTIONS = 8
OURS, SERVER, BY_DJANGO = "Souk Loop", "of that, in the server", "its view, through Django"
SQL, PEER = "the SQL, psycopg", "FastAPI"
# What is not plain is left to Django's middleware and the view of the same URL: a very long query, say.
NOT_PLAIN = "&padding=" + "-" * 4096

Rounds = list[list[float]]


def main() -> None:
    """Compare at each size, and print a table for each of what is asked for."""
    install_peer()
    for size in SIZES:
        with catalogue(size) as database_url:
            asked = scenarios()
            statements = statements_of(asked)
            with servers(database_url, statements) as (ours, peer_port):
                check_same([ours.port, peer_port], asked)
                print(f"{size:,} products, {ROUNDS} rounds of {SECONDS:g} s:")
                for scenario in asked:
                    times = _run(scenario, ours, peer_port, statements, plain(database_url))
                    _show(scenario.name, times)


def _run(
    scenario: Scenario, ours: OurServer, peer_port: int, statements: Statements, database_url: str
) -> dict[str, Rounds]:
    runs: dict[str, Callable[[], list[float]]] = {
        OURS: lambda: ask(ours.port, scenario, 1),
        BY_DJANGO: lambda: ask(ours.port, scenario, 1, more=NOT_PLAIN),
        SQL: lambda: send(database_url, scenario, statements),
        PEER: lambda: ask(peer_port, scenario, 1),
        _busy(OURS): lambda: ask(ours.port, scenario, CONNECTIONS),
        _busy(BY_DJANGO): lambda: ask(ours.port, scenario, CONNECTIONS, more=NOT_PLAIN),
        _busy(PEER): lambda: ask(peer_port, scenario, CONNECTIONS),
    }
    times: dict[str, Rounds] = {OURS: [], SERVER: []} | {way: [] for way in runs}
    send(database_url, scenario, statements)  # whoever came first would read from the disk for the others
    for _ in range(ROUNDS):
        for way, run in runs.items():
            ours.took()  # what was logged before isn't this run's
            times[way].append(run())
            if way == OURS:
                times[SERVER].append(ours.took())
    return times


def _show(name: str, times: dict[str, Rounds]) -> None:
    print(f"  {name}")
    print(f"    {'':40}{'requests/s':>12}{'p50, ms':>10}{'p99, ms':>10}")
    for way, rounds in times.items():
        pooled = sorted(value for values in rounds for value in values)
        rate = statistics.median(len(values) / SECONDS for values in rounds)
        shown = "" if way == SERVER else f"{rate:,.0f}"
        print(f"    {way:40}{shown:>12}{_percentile(pooled, 0.5):>10.2f}{_percentile(pooled, 0.99):>10.1f}")
    in_server, to_client = (_ratio(times[way], times[SQL]) for way in (SERVER, OURS))
    rate, gain = (_rate_ratio(times[_busy(OURS)], times[_busy(way)]) for way in (PEER, BY_DJANGO))
    print(
        f"    server time over the SQL's × {in_server:.2f}, wanted ≤ 1.5; over its client's clock"
        f" × {to_client:.2f}; requests/s over FastAPI's × {rate:.2f}, ≥ 1.0; over Django's × {gain:.2f}",
        flush=True,
    )


def _ratio(mine: Rounds, theirs: Rounds) -> float:
    pairs = zip(mine, theirs, strict=True)
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)


def _rate_ratio(mine: Rounds, theirs: Rounds) -> float:
    return statistics.median(len(a) / len(b) for a, b in zip(mine, theirs, strict=True))


def _busy(way: str) -> str:
    return f"{way}, {CONNECTIONS} connections"


def _percentile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000
