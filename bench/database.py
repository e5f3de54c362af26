"""Migrated databases for the benchmarks, separate from the real one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import django
import psycopg
from psycopg import sql

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.tests.factories import make_user  # noqa: E402
from accounts.tokens import access_token_for  # noqa: E402

NAME = os.environ.get("BENCH_DATABASE_NAME", "bench_soukloop")


@contextmanager
def bench_database() -> Iterator[str]:
    """Create the database, use it in this process, and yield its URL for others."""
    real = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = NAME
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        url = urlsplit(os.environ["DATABASE_URL"])
        yield url._replace(path=f"/{NAME}").geturl()
    finally:
        connection.creation.destroy_test_db(real, verbosity=0)


@contextmanager
def kept_database(name: str, is_complete: Callable[[], bool]) -> Iterator[tuple[str, bool]]:
    """Use the database of an earlier run if it is complete, else an empty one; it is kept.

    Yields its URL, and whether it is new and must be filled.
    """
    real = connection.settings_dict["NAME"]
    server = urlsplit(os.environ["DATABASE_URL"])._replace(scheme="postgresql")
    with psycopg.connect(server.geturl(), autocommit=True) as link:
        database = sql.Identifier(name)
        if not link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            link.execute(sql.SQL("CREATE DATABASE {}").format(database))
        _use(name)
        call_command("migrate", verbosity=0)
        is_new = not is_complete()
        if is_new:
            _use(real)
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
            link.execute(sql.SQL("CREATE DATABASE {}").format(database))
            _use(name)
            call_command("migrate", verbosity=0)
    try:
        yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl(), is_new
    finally:
        _use(real)


def _use(name: str) -> None:
    connection.close()
    connection.close_pool()
    connection.settings_dict["NAME"] = name


def bench_token() -> str:
    """Make a person and return their access token."""
    return access_token_for(make_user())
