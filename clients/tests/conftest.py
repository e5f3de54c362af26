"""The npm packages of `clients/`, and the TypeScript client as it is committed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from soukloop.realtime.testing.node import NODE, install_packages
from soukloop.realtime.testing.servers import ServerProcess

CLIENTS = Path(__file__).parent.parent
MODULES = CLIENTS / "node_modules"
TYPESCRIPT = CLIENTS / "typescript"


def run_node(*arguments: str | Path, cwd: Path = CLIENTS, env: dict[str, str] | None = None) -> str:
    """Run a program in Node and return what it printed; a test that uses it fails with all of its output."""
    argv = [NODE, *map(str, arguments)]
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def node_packages() -> None:
    install_packages(CLIENTS)


@pytest.fixture(scope="session")
def typescript_client(node_packages: None) -> Path:
    """Return the client's folder, with `dist` as it is committed and the packages that it needs."""
    return TYPESCRIPT


@pytest.fixture
def server(live_server_process: Callable[..., list[ServerProcess]]) -> ServerProcess:
    return live_server_process()[0]


@pytest.fixture
def worker(transactional_db: None) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a worker, without which nothing is asked of a payment provider; killed after the test."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database_url = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url, "LOG_LEVEL": "WARNING"},
        stdout=subprocess.DEVNULL,  # emails, with DEBUG
    )
    yield process
    process.kill()
    process.wait()
