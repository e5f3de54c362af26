"""A PostgreSQL server for one test, which may kill it."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.db import connection

from soukloop.realtime.testing.servers import free_port
from soukloop.realtime.testing.waiting import wait_until

_OPTIONS = {
    "fsync": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}


class PostgresProcess:
    """A PostgreSQL cluster on its own port, with a copy of the test database's tables and rows."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"postgis://postgres@127.0.0.1:{self.port}/soukloop"
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.folder = Path(tempfile.mkdtemp(prefix="own-postgres-"))
        shutil.chown(self.folder, self._user)
        cluster = self.folder / "cluster"
        self._run("initdb", "-D", str(cluster), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._copy_test_database()

    def start(self) -> None:
        options = [f"-c{name}={value}" for name, value in _OPTIONS.items()]
        self.process = subprocess.Popen(
            [
                str(_programs() / "postgres"),
                "-D",
                str(self.folder / "cluster"),
                "-p",
                str(self.port),
                *options,
            ],
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, "answer from PostgreSQL")

    def crash(self) -> None:
        """End the server at once, without telling its clients or writing anything."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server and its backends, so that they keep their connections and answer nothing."""
        # It first, so that it starts no further backend.
        self.process.send_signal(signal.SIGSTOP)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        backends = [int(child) for child in children]
        try:
            for backend in backends:
                os.kill(backend, signal.SIGSTOP)
            yield
        finally:
            for stopped in [*backends, self.process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(stopped, signal.SIGCONT)

    def execute(self, sql: str, *params: object) -> list[tuple[object, ...]]:
        """Execute a statement on a connection of its own, and return its rows."""
        with psycopg.connect(self._dsn("soukloop"), autocommit=True) as own:
            cursor = own.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _copy_test_database(self) -> None:
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as own:
            own.execute("CREATE DATABASE soukloop")
        source = urlsplit(os.environ["DATABASE_URL"])._replace(
            scheme="postgresql", path=f"/{connection.settings_dict['NAME']}"
        )
        copy = subprocess.run(
            [str(_programs() / "pg_dump"), "--no-owner", source.geturl()], check=True, capture_output=True
        )
        subprocess.run(
            [
                str(_programs() / "psql"),
                "-q",
                "-o",
                os.devnull,
                "-v",
                "ON_ERROR_STOP=1",
                self._dsn("soukloop"),
            ],
            input=copy.stdout,
            check=True,
        )

    def _dsn(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self._dsn("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(_programs() / program), *arguments],
            user=self._user,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _programs() -> Path:
    """Find the newest PostgreSQL that has PostGIS."""
    controls = Path("/usr/share/postgresql").glob("*/extension/postgis.control")
    return Path(f"/usr/lib/postgresql/{max(int(control.parts[-3]) for control in controls)}/bin")
