"""Two web processes and two workers, which are killed by `kill -9` and started again."""

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any, Self

import psycopg

from bench.servers import ROOT, START_WITHIN, libpq_url

WEB, WORKERS = 2, 2
_WAITING = """
SELECT (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
        AND task_name LIKE 'payments.%' AND coalesce(scheduled_at, now()) <= now() + interval '1 minute'),
    (SELECT count(*) FROM payments_webhookevent WHERE result = 'waiting'),
    (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed')"""


class Fleet:
    """The processes of a deployment; `with` starts and ends them."""

    def __init__(self, url: str) -> None:
        self._url = libpq_url(url)
        self._environment = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "DEBUG": "false",
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "CARD_PROVIDER": "sandbox",
            "SANDBOX_PAYMENTS_ALLOWED": "true",
        }
        descriptor, self.log = tempfile.mkstemp(prefix="bench-ledger-", suffix=".log")
        self._log: IO[bytes] = os.fdopen(descriptor, "wb")
        self._ports = [_free_port() for _ in range(WEB)]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._serving = set(self._ports)
        self.killed: Counter[str] = Counter()

    def __enter__(self) -> Self:
        for name in self._names():
            self._start(name)
        for port in self._ports:
            _wait_until_it_serves(port)
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()
        print(f"the servers' log: {self.log}")

    def port(self, chance: random.Random) -> int:
        """Return the port of a web process, which may be dead."""
        return chance.choice(self._ports)

    def kill_one(self, chance: random.Random) -> None:
        """Kill a process as if its machine were gone, and start it again, once the last one serves again."""
        for port in self._ports:
            _wait_until_it_serves(port)
        name = chance.choice(self._names())
        process = self._processes[name]
        process.kill()
        process.wait()
        self.killed[name.split("-")[0]] += 1
        self._start(name)

    def recent_webhook(self, chance: random.Random) -> tuple[bytes, dict[str, str]] | None:
        """Return one of the sandbox's last hundred messages, signed anew, every other time as a new one."""
        from payments.providers.sandbox.webhooks import signed_headers  # noqa: PLC0415 - after Django's setup

        with psycopg.connect(self._url) as link:
            row = link.execute(
                "SELECT body FROM payments_webhookevent ORDER BY id DESC LIMIT 1 OFFSET %s",
                [chance.randrange(100)],
            ).fetchone()
        if row is None:
            return None
        event: dict[str, Any] = row[0]
        if chance.random() < 0.5:
            event["id"] += f"_{chance.randrange(10**9)}"
        body = json.dumps(event).encode()
        return body, signed_headers(body)

    def settle(self, seconds: float) -> list[str]:
        """Wait until the workers have done what waits; return what is wrong, if they don't get there."""
        deadline = time.monotonic() + seconds
        with psycopg.connect(self._url, autocommit=True) as link:
            while time.monotonic() < deadline:
                jobs, webhooks, failed = link.execute(_WAITING).fetchone() or (0, 0, 0)
                if not jobs and not webhooks:
                    break
                time.sleep(1)
        wrong = []
        if jobs or webhooks:
            wrong.append(f"{jobs} jobs and {webhooks} webhooks still wait after {seconds:.0f} s")
        if failed:
            wrong.append(f"{failed} jobs have failed")
        return wrong

    def _names(self) -> list[str]:
        return [f"web-{n}" for n in range(WEB)] + [f"worker-{n}" for n in range(WORKERS)]

    def _start(self, name: str) -> None:
        kind, number = name.split("-")
        if kind == "web":
            command = [
                *(sys.executable, "-m", "uvicorn", "soukloop.asgi:application", "--no-access-log"),
                *("--port", str(self._ports[int(number)])),
            ]
        else:
            command = [sys.executable, "manage.py", "run_worker"]
        self._processes[name] = subprocess.Popen(
            command, cwd=Path(ROOT), env=self._environment, stdout=self._log, stderr=subprocess.STDOUT
        )


def _wait_until_it_serves(port: int) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("A web process does not serve")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
