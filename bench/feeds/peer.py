"""The feeds' FastAPI peer, which gets the project's statements, and the check that answers are equal."""

import json
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.feeds.scenarios import Scenario, Statements
from bench.servers import Server, libpq_url, peer_server


@contextmanager
def statements_file(statements: Statements) -> Iterator[str]:
    """Write the statements of each URL for the peer, and yield the file's name."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(
            {
                path: [(each.sql, _typed(each.params), each.has_one_plan) for each in sent]
                for path, sent in statements.items()
            },
            file,
        )
        file.flush()
        yield file.name


def feeds_peer(database_url: str, statements: str) -> Server:
    """Start the peer over this file of statements."""
    url = libpq_url(database_url, "postgresql+asyncpg")
    return peer_server("feeds_fastapi", {"FEEDS_STATEMENTS": statements, "FEEDS_DATABASE_URL": url})


def check_same(servers: Iterable[Server], asked: list[Scenario]) -> None:
    """Refuse to compare servers that answer with different products; warms them up as well."""
    for scenario in asked:
        for path in scenario.paths:
            shown = [_items(server, path, scenario.authorization) for server in servers]
            if not shown[0] or any(items != shown[0] for items in shown):
                raise RuntimeError(f"{path} is answered differently, or with nothing.")


def _items(server: Server, path: str, authorization: str) -> list[Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}")
    if authorization:
        request.add_header("Authorization", authorization)
    with urllib.request.urlopen(request, timeout=60) as answer:
        items = json.load(answer)["data"]["items"]
    return [(item["id"], sorted(item)) for item in items]


def _typed(params: Any) -> list[tuple[str, str]]:
    return [
        (type(value).__name__, value.isoformat() if hasattr(value, "isoformat") else str(value))
        for value in params
    ]
