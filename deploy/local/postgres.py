"""A private PostgreSQL: its own cluster, on loopback, with a password, never run by root."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deploy.local import packages
from deploy.local.console import CannotGoOn, Step
from deploy.local.interruptions import interruptions
from deploy.local.places import POSTGRES_USER, Instance, server_user, write_private
from deploy.local.ports import private_port
from deploy.local.processes import Service, start_logged
from deploy.local.tools import refusal, run_logged

HOST = "127.0.0.1"
ROLE = DATABASE = "soukloop"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# What a test run writes need not survive a power cut.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "2GB"}


class Postgres:
    """The cluster of one instance; its role may do anything in it, and nothing outside."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.data = instance.data / "postgres"
        self.user = server_user(POSTGRES_USER)
        self.programs = self._programs()
        self.port = private_port(instance.name, "postgres")
        self.password = instance.secret("POSTGRES_PASSWORD")

    @property
    def url(self) -> str:
        return f"postgis://{ROLE}:{self.password}@{HOST}:{self.port}/{DATABASE}"

    @property
    def service(self) -> Service:
        settings = SETTINGS | (FORGETFUL if self.instance.name == "test" else {}) | {"port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        # SIGINT is PostgreSQL's “fast” shutdown: clients are let go of, everything is written.
        return Service(
            "postgres",
            [str(self.programs / "postgres"), "-D", str(self.data), *options],
            env=self._env,
            user=self.user,
            stop_signal=signal.SIGINT,
            grace=30,
        )

    def start(self, step: Step) -> subprocess.Popen[bytes]:
        """Start the cluster, made first where there is none, and wait until it answers."""
        fresh = not self.data.exists()
        if fresh:
            step.say("making a cluster")
            self._make_cluster()
        with interruptions.held():
            process = start_logged(self.instance, self.service)
        self._wait(process)
        if self._psql("SELECT count(*) FROM pg_database WHERE datname = :'name'", "postgres") == "0":
            self._psql('CREATE DATABASE :"name"', "postgres")
        step.done(f"{self.programs.parent.name} on {HOST}:{self.port}{', a new cluster' if fresh else ''}")
        return process

    def _programs(self) -> Path:
        versions = packages.postgres_versions()
        made_by = self.data / "PG_VERSION"
        if not self.data.exists():
            return versions[max(versions)]
        version = int(made_by.read_text())
        if version not in versions:
            raise CannotGoOn(
                f"The database in {self.data} was made by PostgreSQL {version}, which is no longer "
                "installed: `make clean` starts afresh."
            )
        return versions[version]

    def _make_cluster(self) -> None:
        """Make the cluster beside its place and move it there whole: an attempt cut short leaves no half."""
        draft = self.data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password = self.instance.data / "postgres.password"
        write_private(password, self.password)
        for path in (draft, password):
            if self.user is not None:
                shutil.chown(path, self.user, self.user)
        log = self.instance.log("initdb")
        try:
            run_logged(
                [
                    *(str(self.programs / "initdb"), "--pgdata", str(draft), "--username", ROLE),
                    *("--auth", "scram-sha-256", "--pwfile", str(password)),
                    *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
                ],
                log=log,
                failure="PostgreSQL could not make its cluster.",
                env=self._env,
                user=self.user,
            )
        finally:
            password.unlink()
        draft.rename(self.data)

    @property
    def _env(self) -> dict[str, str]:
        # Nothing of the person's own PG… variables or locale reaches the server.
        return {"PATH": f"{self.programs}:{os.defpath}", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _client(self, program: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.programs / program, "-h", HOST, "-p", str(self.port), "-U", ROLE, *arguments],
            env=self._env | {"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"},
            input=stdin,
            capture_output=True,
            text=True,
        )

    def _psql(self, statement: str, database: str) -> str:
        done = self._client(
            *("psql", "-d", database, "-X", "-q", "-A", "-t"),
            *("-v", "ON_ERROR_STOP=1", "-v", f"name={DATABASE}", "-f", "-"),
            stdin=statement,
        )
        if done.returncode:
            raise CannotGoOn(
                f"PostgreSQL refused us: {done.stderr.strip()}", log=self.instance.log("postgres")
            )
        return done.stdout.strip()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        log = self.instance.log("postgres")
        deadline = time.monotonic() + 60
        while self._client("pg_isready", "-q", "-d", "postgres").returncode:
            if process.poll() is not None:
                raise refusal("PostgreSQL ended as soon as it was started.", log)
            if time.monotonic() > deadline:
                raise CannotGoOn("PostgreSQL did not answer within a minute.", log=log)
            time.sleep(0.05)
