"""The measurements of each scenario, taken in turn, and the table that they give."""

import http.client
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench.api.scenarios import Scenario, scenarios
from bench.load import measure
from bench.rounds import Rounds, p50_ratio, percentile, rate, rate_ratio, take_turns
from bench.servers import Server, install_peer, libpq_url, peer_server, project_server, running

SECONDS = float(os.environ.get("API_SECONDS", "1"))
ROUNDS = int(os.environ.get("API_ROUNDS", "5"))
ONLY = os.environ.get("API_ONLY", "")  # a part of a scenario's name
CONNECTIONS = 8
NOW, BEFORE, PEER = "now", "before", "FastAPI"


def main(before: Path | None = None) -> None:
    """Compare this checkout with another one, where it is given, and with the peer."""
    from bench.database import bench_database  # noqa: PLC0415 - sets Django up

    install_peer()
    with bench_database() as database_url:
        asked = [scenario for scenario in scenarios() if ONLY in scenario.name]
        starts = {NOW: partial(project_server, database_url)}
        if before is not None:
            starts[BEFORE] = partial(project_server, database_url, before.resolve())
        starts[PEER] = partial(_peer, database_url)
        with running(*starts.values()) as started:
            servers = dict(zip(starts, started, strict=True))
            print(f"{ROUNDS} rounds of {SECONDS:g} s each:")
            for scenario in asked:
                _check_same(servers, scenario)
                _show(scenario.name, *_rounds(servers, scenario))


def _peer(database_url: str) -> Server:
    from django.conf import settings  # noqa: PLC0415

    from soukloop.core.redis.rate_limits import HIT_SCRIPT  # noqa: PLC0415

    return peer_server(
        "api_fastapi",
        {
            "API_DATABASE_URL": libpq_url(database_url, "postgresql+asyncpg"),
            "API_RATE_SCRIPT": HIT_SCRIPT,
            "REDIS_URL": settings.REDIS_URL,
            "MEDIA_URL": settings.MEDIA_URL,
            "SECRET_KEY": settings.SECRET_KEY,
        },
    )


def _rounds(servers: dict[str, Server], scenario: Scenario) -> tuple[dict[str, Rounds], dict[str, float]]:
    """Return the times by way, and the seconds of processor time per request by way."""
    worked: dict[str, float] = {}

    def run(way: str, server: Server, connections: int) -> list[float]:
        before = server.processor_seconds()
        times = measure(server.port, scenario.requests, connections, SECONDS)
        worked[way] = worked.get(way, 0.0) + server.processor_seconds() - before
        return times

    runs = {
        (way := _name(name, connections)): partial(run, way, server, connections)
        for connections in (1, CONNECTIONS)
        for name, server in servers.items()
    }
    times = take_turns(runs, ROUNDS)
    return times, {way: spent / sum(map(len, times[way])) for way, spent in worked.items()}


def _show(name: str, times: dict[str, Rounds], worked: dict[str, float]) -> None:
    print(f"  {name}")
    print(f"    {'':40}{'requests/s':>12}{'p50, ms':>10}{'p99, ms':>10}{'processor, ms':>15}")
    for way, rounds in times.items():
        print(
            f"    {way:40}{rate(rounds, SECONDS):>12,.0f}{percentile(rounds, 0.5):>10.2f}"
            f"{percentile(rounds, 0.99):>10.1f}{worked[way] * 1000:>15.2f}"
        )
    for other in (BEFORE, PEER):
        if _name(other, 1) not in times:
            continue
        ratios = [
            f"p50 × {p50_ratio(times[_name(NOW, 1)], times[_name(other, 1)]):.2f}",
            *(
                f"requests/s × {rate_ratio(times[_name(NOW, n)], times[_name(other, n)]):.2f} with {n}"
                for n in (1, CONNECTIONS)
            ),
        ]
        print(f"    now over {other}: {', '.join(ratios)}", flush=True)


def _name(server: str, connections: int) -> str:
    return server if connections == 1 else f"{server}, {connections} connections"


def _check_same(servers: dict[str, Server], scenario: Scenario) -> None:
    """Refuse to compare servers whose answers have different fields; warms them up as well."""
    shapes = {
        name: [_shape(_answer(server, scenario)) for _ in range(20)][-1] for name, server in servers.items()
    }
    if any(shape != shapes[NOW] for shape in shapes.values()):
        differences = "\n".join(f"{name}: {shape}" for name, shape in shapes.items())
        raise RuntimeError(f"{scenario.name} is answered differently:\n{differences}")


def _answer(server: Server, scenario: Scenario) -> Any:
    head, _, body = next(scenario.requests).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        link.request(method, path, body or None, dict(line.split(": ", 1) for line in lines))
        answer = link.getresponse()
        text = answer.read()
    finally:
        link.close()
    if not 200 <= answer.status < 300:
        time.sleep(0.5)  # the traceback is logged after the answer
        log = server.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{first}: {answer.status} {text.decode(errors='replace')}\n{log}")
    return json.loads(text)


def _shape(value: Any) -> Any:
    """Return the names and kinds of what is in an answer, without its values."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return (
        "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
    )
