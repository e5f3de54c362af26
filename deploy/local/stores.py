"""PostgreSQL and Redis for an instance: private ones, or those that the person named."""

import shlex
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psycopg

from deploy.local.console import SetupError, ending_with_parent, run_logged, step
from deploy.local.instance import Instance, server_user, write_private
from deploy.local.supervise import Supervisor, unreachable

# What a test run writes need not survive a power cut.
UNSAFE_FAST_SETTINGS = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_wal_size=2GB"


class Stores:
    """The stores of one instance: where they are, and how they are started."""

    def __init__(self, instance: Instance, named: Mapping[str, str]) -> None:
        self.instance = instance
        self.cluster = instance.data / "postgres"
        self.user = server_user("postgres")
        self.postgres, self.redis = map(instance.private_port, ("postgres", "redis"))
        self.password = instance.secret("POSTGRES_PASSWORD")
        private = {
            "DATABASE_URL": f"postgis://soukloop:{self.password}@127.0.0.1:{self.postgres}/soukloop",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis}/0",
        }
        self.named = {name: named[name] for name in private if name in named}
        self.urls = private | self.named
        for name, url in self.named.items():
            if reason := unreachable(url):
                raise SetupError(f"{name} is set, and nothing answers there: {reason}.")

    def prepare(self) -> dict[str, str]:
        """Make the cluster where it is missing; returns what supervisord.conf asks for."""
        is_private = "DATABASE_URL" not in self.named
        if is_private and not self.cluster.exists():
            with step("postgres", "making a cluster") as done:
                self._make_cluster()
                done("made a cluster")
        return {
            "LOCAL_POSTGRES_AUTOSTART": str(is_private),
            "LOCAL_POSTGRES_PORT": str(self.postgres),
            "LOCAL_POSTGRES_OPTIONS": UNSAFE_FAST_SETTINGS if self.instance.name == "test" else "",
            "LOCAL_POSTGRES_PROGRAMS": str(_programs()) if is_private else "",
            "LOCAL_AS_POSTGRES": shlex.join(ending_with_parent("INT", self.user)),
            "LOCAL_REDIS_AUTOSTART": str("REDIS_URL" not in self.named),
            "LOCAL_REDIS_PORT": str(self.redis),
            "LOCAL_AS_REDIS": shlex.join(ending_with_parent("TERM", server_user("redis"))),
        }

    def wait(self, supervisor: Supervisor) -> None:
        """Wait until the servers answer."""
        with step("stores", "starting") as done:
            if "DATABASE_URL" not in self.named:
                supervisor.wait_until("postgres", self._postgres_trouble)
            if "REDIS_URL" not in self.named:
                supervisor.wait_until("redis", partial(unreachable, self.urls["REDIS_URL"]))
            done(" and ".join(url.rpartition("@")[2] for url in self.urls.values()))

    def _make_cluster(self) -> None:
        """Make the cluster beside its place and move it there whole: an attempt cut short leaves no half."""
        draft, password = self.cluster.with_name("postgres.new"), self.cluster.with_name("postgres.password")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password, self.password)
        for path in (draft, password) if self.user else ():
            shutil.chown(path, self.user, self.user)
        argv = [
            *(str(_programs() / "initdb"), "--pgdata", str(draft), "--username", "soukloop"),
            *("--auth", "scram-sha-256", "--pwfile", str(password)),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        ]
        failure = "PostgreSQL could not make its cluster."
        run_logged(argv, log=self.instance.log("initdb"), failure=failure, user=self.user)
        password.unlink()
        draft.rename(self.cluster)

    def _postgres_trouble(self) -> str:
        """Make the database where it is missing; returns why that is not possible yet."""
        url = f"postgresql://soukloop:{self.password}@127.0.0.1:{self.postgres}/postgres"
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                if not connection.execute("SELECT FROM pg_database WHERE datname = 'soukloop'").rowcount:
                    connection.execute("CREATE DATABASE soukloop")
        except psycopg.Error as error:
            return str(error)
        return ""


def _programs() -> Path:
    """Find the newest PostgreSQL that has PostGIS."""
    controls = Path("/usr/share/postgresql").glob("*/extension/postgis.control")
    return Path(f"/usr/lib/postgresql/{max(int(control.parts[-3]) for control in controls)}/bin")
