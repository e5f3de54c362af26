"""What every test needs: a tier, a clean Redis, no network outside loopback."""

import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from servestatic.middleware import ServeStaticMiddleware

from soukloop.core.db.clock import database_clock
from soukloop.core.redis.client import redis_client
from soukloop.tests import tiers
from soukloop.tests.distribution import Scheduling
from soukloop.tests.examples import TIMES_IN_FULL

# Started in the background or by nohup, this process ignores them, and so would all that the tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "soukloop.tests.descriptions",
    "soukloop.realtime.testing",
    "soukloop.tests.database",
    "soukloop.tests.jobs",
    "soukloop.tests.connections",
    "payments.testing.fixtures",
]

# One machine has one clock, and tests that travel in time move it for both.
database_clock.is_measured = False

# No deadline for one example: two workers on a busy machine would miss it.
hypothesis_settings.register_profile("quick", deadline=None, print_blob=True)
hypothesis_settings.register_profile("full", deadline=None, print_blob=True, max_examples=100 * TIMES_IN_FULL)
hypothesis_settings.load_profile("quick")


def pytest_configure(config: pytest.Config) -> None:
    """Give a test ten times as long where it tries ten times as many examples."""
    if config.getoption("--hypothesis-profile") == "full" and config.getoption("--timeout") is None:
        config.option.timeout = float(config.getini("timeout")) * TIMES_IN_FULL


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute tests so that those which share something costly stay on one worker."""
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


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
