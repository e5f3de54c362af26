"""PostgreSQL and Redis for an instance: private ones, or those that the person named."""

import socket
import subprocess
from collections.abc import Mapping
from urllib.parse import urlsplit

from deploy.local.console import CannotGoOn, Step
from deploy.local.places import Instance
from deploy.local.postgres import Postgres
from deploy.local.processes import Service
from deploy.local.redis import Redis

Started = dict[str, tuple[Service, subprocess.Popen[bytes]]]
USUAL_PORTS = {"DATABASE_URL": 5432, "REDIS_URL": 6379}


def start(instance: Instance, named: Mapping[str, str]) -> tuple[dict[str, str], Started]:
    """Start the stores that the person did not name; returns the URLs of both and what was started."""
    urls, started = {}, {}
    with Step("postgres") as step:
        if "DATABASE_URL" in named:
            urls["DATABASE_URL"] = _reached(step, "DATABASE_URL", named)
        else:
            postgres = Postgres(instance)
            started["postgres"] = (postgres.service, postgres.start(step))
            urls["DATABASE_URL"] = postgres.url
    with Step("redis") as step:
        if "REDIS_URL" in named:
            urls["REDIS_URL"] = _reached(step, "REDIS_URL", named)
        else:
            redis = Redis(instance)
            started["redis"] = (redis.service, redis.start(step))
            urls["REDIS_URL"] = redis.url
    return urls, started


def _reached(step: Step, variable: str, named: Mapping[str, str]) -> str:
    """Make sure that somebody listens where the person said."""
    url = urlsplit(named[variable])
    try:
        where = (url.hostname or "localhost", url.port or USUAL_PORTS[variable])
        socket.create_connection(where, timeout=5).close()
    except (OSError, ValueError) as error:
        raise CannotGoOn(
            f"{variable} is set, and nothing answers there ({error}): start that server, or unset {variable} "
            "for a private one."
        ) from None
    step.done(f"{where[0]}:{where[1]}, from {variable}")
    return named[variable]
