"""What every test needs: a tier, a clean Redis, no network outside loopback."""

import importlib
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import OperationalError, connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models.signals import post_migrate
from hypothesis import settings as hypothesis_settings
from psycopg.errors import DeadlockDetected
from servestatic.middleware import ServeStaticMiddleware

from soukloop.core.redis.client import redis_client
from soukloop.tests import tiers

# Started in the background or by nohup, this process ignores them, and so would all that the tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

FLUSH_ATTEMPTS = 5

pytest_plugins = ["soukloop.realtime.testing"]

# No deadline for one example: two workers on a busy machine would miss it.
hypothesis_settings.register_profile("quick", deadline=None, print_blob=True)
hypothesis_settings.register_profile("full", deadline=None, print_blob=True, max_examples=1000)
hypothesis_settings.load_profile("quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its tier, and keep what is marked `full` for the full profile."""
    tiers.arrange(items)
    if config.getoption("--hypothesis-profile") != "full":
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def clean_redis() -> None:
    """Start each test with an empty Redis."""
    redis_client().flushdb()


@pytest.fixture(autouse=True)
def no_old_jobs(request: pytest.FixtureRequest) -> None:
    """Empty the job tables before a test that commits: their models are unmanaged, so no flush does it."""
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        request.getfixturevalue("transactional_db")
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture(scope="session", autouse=True)
def categories_survive() -> None:
    """Put the 12 categories back when a test in real transactions has emptied every table."""
    migration = importlib.import_module("listings.migrations.0002_categories")

    def restore(**kwargs: Any) -> None:
        if not apps.get_model("listings", "Category").objects.exists():
            migration.add(apps, None)

    post_migrate.connect(restore, sender=apps.get_app_config("listings"), weak=False)


@pytest.fixture(scope="session", autouse=True)
def flush_again_after_a_deadlock() -> Iterator[None]:
    """Empty the tables again when PostgreSQL ended the flush in favour of a server process that was writing.

    A server that a test started goes on with its heartbeats while the tables are locked one after another.
    """
    flush = BaseDatabaseOperations.execute_sql_flush

    def patient(self: BaseDatabaseOperations, sql_list: Any) -> None:
        for _ in range(FLUSH_ATTEMPTS - 1):
            try:
                return flush(self, sql_list)
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
        return flush(self, sql_list)

    patch = pytest.MonkeyPatch()
    patch.setattr(BaseDatabaseOperations, "execute_sql_flush", patient)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def static_files_are_looked_up_once() -> Iterator[None]:
    """Let all test clients share one look at the static files: each client's own would take 50 ms."""
    look_up = ServeStaticMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def shared(self: ServeStaticMiddleware) -> None:
        if not found:
            look_up(self)
            found.update(files=dict(self.files), directories=list(self.directories))
        self.files.update(found["files"])
        self.directories[:] = found["directories"]

    patch = pytest.MonkeyPatch()
    patch.setattr(ServeStaticMiddleware, "add_files_from_finders", shared)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse connections to anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            raise RuntimeError(f"A test wanted to connect to {address}")
        return connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()
