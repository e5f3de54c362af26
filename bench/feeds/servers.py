"""The catalogue, the project's server and its peer, on one core."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.feeds.clients import CLIENT_CORE, SERVER_CORE
from bench.feeds.scenarios import Scenario, Statements

BENCH = Path(__file__).parent.parent
PEERS = BENCH / "peers"
VENV = BENCH.parent / ".local" / "bench" / "venv"
REQUIREMENTS = BENCH / "requirements.txt"


@contextmanager
def catalogue(size: int) -> Iterator[str]:
    """Use the catalogue of this size, kept since an earlier run or seeded now, and yield its URL."""
    from django.core.management import call_command  # noqa: PLC0415

    from bench.database import kept_database  # noqa: PLC0415 - sets Django up
    from listings.models import Product  # noqa: PLC0415

    with kept_database(f"bench_catalogue_{size}", lambda: Product.objects.count() == size) as (url, is_new):
        if is_new:
            call_command("seed_catalogue", products=size, stdout=sys.stderr)
        yield url


class OurServer:
    """The project's server, as in production: hits are counted, statements aren't kept for a debug page."""

    def __init__(self, database_url: str) -> None:
        from soukloop.realtime.testing.servers import ServerProcess  # noqa: PLC0415

        self.process = ServerProcess(
            "uvicorn",
            database_url,
            {
                "DJANGO_SETTINGS_MODULE": "bench.settings",
                "DEBUG": "false",
                "ALLOWED_HOSTS": "localhost,127.0.0.1",
            },
        )
        self.port = self.process.port
        self._read = 0

    def took(self) -> list[float]:
        """Return the seconds that each request since the last call took by the server's own log."""
        with self.process.log_path.open("rb") as log:
            log.seek(self._read)
            whole, _, _ = log.read().rpartition(b"\n")  # the last may be half written
        self._read += len(whole)
        logged = [json.loads(line) for line in whole.splitlines() if b'"duration_ms"' in line]
        return [line["duration_ms"] / 1000 for line in logged]


@contextmanager
def servers(database_url: str, statements: Statements) -> Iterator[tuple[OurServer, int]]:
    """Start both on the server's core; yield ours, and the peer's port."""
    from soukloop.realtime.testing.servers import free_port  # noqa: PLC0415

    with ExitStack() as ending:
        os.sched_setaffinity(0, {SERVER_CORE})  # inherited by what is started now
        ours = OurServer(database_url)
        ending.callback(ours.process.terminate)
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
        uvicorn = [VENV / "bin" / "python", "-m", "uvicorn", "feeds_fastapi:app", "--port", str(port)]
        peer = subprocess.Popen(
            [*uvicorn, "--no-proxy-headers", "--no-server-header", "--no-access-log"],
            cwd=PEERS,
            env={
                "FEEDS_STATEMENTS": file.name,
                "FEEDS_DATABASE_URL": plain(database_url).replace("postgresql:", "postgresql+asyncpg:", 1),
            },
        )
        ending.callback(peer.wait)
        ending.callback(peer.terminate)
        os.sched_setaffinity(0, {CLIENT_CORE})
        ours.process.wait_until_ready()
        _wait_for(port)
        yield ours, port


def check_same(ports: list[int], asked: list[Scenario]) -> None:
    """Refuse to compare servers that answer with different products; warms both up."""
    for scenario in asked:
        for path in scenario.paths:
            shown = []
            for port in ports:
                request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
                if scenario.authorization:
                    request.add_header("Authorization", scenario.authorization)
                with urllib.request.urlopen(request, timeout=60) as answer:
                    items = json.load(answer)["data"]["items"]
                shown.append([(item["id"], sorted(item)) for item in items])
            if shown[0] != shown[1] or not shown[0]:
                raise RuntimeError(f"{path} is answered differently, or with nothing.")


def install_peer() -> None:
    """Install what the peer needs, as pinned, unless it is there."""
    done = VENV / "installed.txt"
    if done.exists() and done.read_text() == REQUIREMENTS.read_text():
        return
    venv.create(VENV, with_pip=True, clear=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", REQUIREMENTS], check=True)
    done.write_text(REQUIREMENTS.read_text())


def plain(database_url: str) -> str:
    """Return the URL as libpq takes it."""
    return urlsplit(database_url)._replace(scheme="postgresql").geturl()


def _typed(params: Any) -> list[tuple[str, str]]:
    return [
        (type(value).__name__, value.isoformat() if hasattr(value, "isoformat") else str(value))
        for value in params
    ]


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The peer does not serve.")
