"""A database of the benchmarks' own, migrated and empty, beside the real one; dropped afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
django.setup()

from django.db import connection  # noqa: E402

from accounts.tests.factories import make_user  # noqa: E402
from accounts.tokens import access_token_for  # noqa: E402

NAME = os.environ.get("BENCH_DATABASE_NAME", "bench_soukloop")


@contextmanager
def bench_database() -> Iterator[str]:
    """Make the database, use it in this process, and yield its URL for others."""
    real = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = NAME
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        url = urlsplit(os.environ["DATABASE_URL"])
        yield url._replace(path=f"/{NAME}").geturl()
    finally:
        connection.creation.destroy_test_db(real, verbosity=0)


def bench_token() -> str:
    """Make a person and return their access token."""
    return access_token_for(make_user())
