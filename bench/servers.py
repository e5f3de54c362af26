"""The servers that are compared: this checkout's, another checkout's, FastAPI peers; all on one core."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import CLIENT_CORE, SERVER_CORE

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "bench" / "peers"
VENV = ROOT / ".local" / "bench" / "venv"
REQUIREMENTS = ROOT / "bench" / "requirements.txt"
START_WITHIN = 60.0  # seconds
_OPTIONS = ["--no-proxy-headers", "--no-server-header", "--no-access-log"]


class Server:
    """A process that serves on a port of its own and logs to a file."""

    def __init__(self, command: list[str], directory: Path, environment: Mapping[str, str]) -> None:
        self.port = _free_port()
        descriptor, name = tempfile.mkstemp(prefix="bench-", suffix=".log")
        self.log = Path(name)
        self._read = 0
        with os.fdopen(descriptor, "wb") as log:
            self.process = subprocess.Popen(
                [*command, *_OPTIONS, "--port", str(self.port)],
                cwd=directory,
                env=dict(environment),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_it_serves(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"The server does not serve:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.unlink()

    def processor_seconds(self) -> float:
        """Return how long the process has worked so far, whatever else the machine was busy with."""
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def logged_durations(self) -> list[float]:
        """Return the seconds that each request since the last call took by the server's own log."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            lines, _, _ = log.read().rpartition(b"\n")  # the last may be half written
        self._read += len(lines)
        logged = [json.loads(line) for line in lines.splitlines() if b'"duration_ms"' in line]
        return [line["duration_ms"] / 1000 for line in logged]


def project_server(database_url: str, checkout: Path = ROOT) -> Server:
    """Start a checkout's server as in production: JSON logs, requests counted, no statements kept."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "DEBUG": "false",
        "SANDBOX_PAYMENTS_ALLOWED": "true",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
    }
    command = [sys.executable, "-m", "uvicorn", "soukloop.asgi:application"]
    return Server(command, checkout, environment)


def peer_server(module: str, environment: Mapping[str, str]) -> Server:
    """Start a FastAPI application of `bench/peers/`."""
    command = [str(VENV / "bin" / "python"), "-m", "uvicorn", f"{module}:app"]
    return Server(command, PEERS, environment)


@contextmanager
def running(*starts: Callable[[], Server]) -> Iterator[list[Server]]:
    """Start servers on the server's core and stop them afterwards; this process uses the other core."""
    servers: list[Server] = []
    try:
        os.sched_setaffinity(0, {SERVER_CORE})  # inherited by what is started now
        try:
            servers += (start() for start in starts)
        finally:
            os.sched_setaffinity(0, {CLIENT_CORE})
        for server in servers:
            server.wait_until_it_serves()
        yield servers
    finally:
        for server in servers:
            server.stop()


def install_peer() -> None:
    """Install what the peers need, as pinned, unless it is there."""
    done = VENV / "installed.txt"
    if done.exists() and done.read_text() == REQUIREMENTS.read_text():
        return
    venv.create(VENV, with_pip=True, clear=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", REQUIREMENTS], check=True)
    done.write_text(REQUIREMENTS.read_text())


def libpq_url(database_url: str, scheme: str = "postgresql") -> str:
    """Return Django's database URL as libpq takes it, or with the scheme that SQLAlchemy wants."""
    return urlsplit(database_url)._replace(scheme=scheme).geturl()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
