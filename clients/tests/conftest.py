"""The npm packages of `clients/`, and the TypeScript client built from its sources."""

import fcntl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

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
    """Compile the client as its users would, which fails on any error of types; return its folder."""
    with (TYPESCRIPT / "tsconfig.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker builds while the others wait
        run_node(MODULES / "typescript" / "bin" / "tsc", "--project", TYPESCRIPT)
    return TYPESCRIPT


@pytest.fixture
def server(live_server_process: Callable[..., list[ServerProcess]]) -> ServerProcess:
    return live_server_process()[0]
