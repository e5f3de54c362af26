"""Web processes for tests, and free ports for them."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from django.conf import settings

START_TIMEOUT = 60.0  # seconds; the machine may be busy with other tests
PORTS = range(10_000, 20_000)  # below the ports that the kernel uses for outgoing connections
_given_ports: set[int] = set()
# As in production, except for the shorter shutdown.
_UVICORN = [
    "uvicorn",
    "soukloop.tests.checked_asgi:application",
    "--no-proxy-headers",
    "--no-server-header",
]
_UVICORN += ["--no-access-log", "--timeout-graceful-shutdown", "3"]
COMMANDS = {
    "uvicorn": [
        *(*_UVICORN, "--http", "soukloop.core.http.uvicorn_protocol:HttpProtocol"),
        *("--ws", "soukloop.realtime.uvicorn_protocol:WebSocketProtocol", "--port"),
    ],
    "uvicorn-stock": [*_UVICORN, "--port"],
    "daphne": ["daphne", "soukloop.tests.checked_asgi:application", "--port"],
}


class ServerProcess:
    """A web process on its own port, with the test database and Redis."""

    def __init__(self, server: str, database_url: str, environment: dict[str, str]) -> None:
        self.server = server
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self.log_path = Path(tempfile.mkstemp(prefix=f"{server}-", suffix=".log")[1])
        self.process = subprocess.Popen(
            [sys.executable, "-m", *COMMANDS[server], str(self.port)],
            cwd=settings.BASE_DIR,
            env={**os.environ, "MALLOC_ARENA_MAX": "2", "DATABASE_URL": database_url, **environment},
            stdout=self.log_path.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):  # noqa: S310 - our own
                    return
            except (OSError, urllib.error.URLError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.server} did not start:\n{self.log()}") from None
                time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def kill(self) -> None:
        """Kill the process, so that it cannot shut down cleanly."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.kill()


def free_port() -> int:
    """Return a port that is not in use, and that no other call is given, here or in another xdist worker.

    A server binds its ports some time after it was given all of them, so none may be drawn twice.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = range(PORTS.start + worker, PORTS.stop, workers)
    while True:
        port = random.choice(ports)  # noqa: S311 - no secret
        if port in _given_ports:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given_ports.add(port)
            return port
