"""Give pytest, or each worker of pytest-xdist, its own Redis database, channel names and media folder.

It also shortens the collection of tests, and lets workers whose tests only compute make way for the others.

It is a pytest plugin (`-p` in pyproject.toml), because Django's settings are read before any `conftest.py`.
What it sets reaches the settings and every process that a test starts. pytest-django gives each worker its
PostgreSQL database.
"""

import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import environ
import pytest

from soukloop.tests.distribution import FIRST_WORKER, SECOND_WORKER

ROOT = Path(__file__).resolve().parents[2]


# Redis databases after the one in REDIS_URL: first the workers, then pytest without workers. A server
# with its default settings has 16.
WORKERS_MAX = 8
# Tests that only compute get a third of the time that those with deadlines get, while both want a core.
BEHIND_TESTS_WITH_DEADLINES = 5


def isolate(worker: str) -> None:
    """Set the environment variables of one worker (`gw0`, `gw1`, …), or of pytest itself (`main`)."""
    for name in (".env", ".local/env"):  # as the settings do, without overwriting variables
        environ.Env.read_env(ROOT / name)
    # Workers are started by pytest and inherit what it set for itself.
    url = os.environ.setdefault(
        "REDIS_URL_OUTSIDE_TESTS", os.environ.get("REDIS_URL", "redis://localhost:6379/0")
    )
    media = os.environ.setdefault("MEDIA_ROOT_OUTSIDE_TESTS", os.environ.get("MEDIA_ROOT", ".local/media"))
    redis = urlsplit(url)
    number = WORKERS_MAX if worker == "main" else int(worker.removeprefix("gw"))
    database = int(redis.path.strip("/") or 0) + 1 + number
    os.environ["REDIS_URL"] = redis._replace(path=f"/{database}").geturl()
    os.environ["CHANNEL_PREFIX"] = f"soukloop-{worker}"  # Redis has one pub/sub for all its databases
    os.environ["MEDIA_ROOT"] = str(ROOT / media / worker)


# Each of some hundred processes that tests start imports the project in 1 s, or in 3 s if it must compile it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Hardly anything that is made while tests are imported and collected is garbage: to look for it takes 3 s.
gc.disable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage from then on, but not among what was collected, and less often than is usual."""
    collected = yield
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()
    return collected


worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
isolate(worker)
if worker not in ("main", FIRST_WORKER, SECOND_WORKER):
    os.nice(BEHIND_TESTS_WITH_DEADLINES)
