"""Emptying the database after a test that commits, in 10 ms instead of the 250 of Django's flush.

Django truncates every table, even an empty one, and sends `post_migrate`, whose receivers create all
permissions again. Here only tables with rows are emptied, and the rows that migrations created are kept.
"""

import importlib
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected

ATTEMPTS = 5
MANY_ROWS = 1000  # above this, TRUNCATE is faster than DELETE, which checks the foreign keys of each row
FILLED_BY_MIGRATIONS = ("django_content_type", "auth_permission", "listings_category")
APPEND_ONLY = frozenset({"payments_entry", "payments_entryline"})
KEPT = {*FILLED_BY_MIGRATIONS, "django_migrations", "spatial_ref_sys"}

_django_teardown = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Replace Django's flush by `empty_tables`."""

    def tear_down(case: TransactionTestCase) -> None:
        empty_tables()
        if rows_of_migrations() != _first_rows_of_migrations():
            with writable_ledger():
                _django_teardown(case)  # sends `post_migrate`, whose receivers create the rows again

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", tear_down)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Remember the rows that migrations created in the new database, and close it to others at the end.

    PostgreSQL waits 5 s for whoever is still connected before it refuses to drop a database.
    """
    with django_db_blocker.unblock():
        _first_rows_of_migrations()
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session", autouse=True)
def restore_categories() -> None:
    """Create the 12 categories again after Django's flush."""
    migration = importlib.import_module("listings.migrations.0002_categories")
    names = importlib.import_module("listings.migrations.0009_measures_and_category_names")

    def restore(**kwargs: Any) -> None:
        if not apps.get_model("listings", "Category").objects.exists():
            migration.add(apps, None)
            names.add_names(apps, None)

    post_migrate.connect(restore, sender=apps.get_app_config("listings"), weak=False)


@pytest.fixture(autouse=True)
def no_rows_of_earlier_tests(request: pytest.FixtureRequest) -> None:
    """Empty the tables before a test that commits, because a server may have written after the last test."""
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction")):
        request.getfixturevalue("transactional_db")
        empty_tables()


def empty_tables() -> None:
    """Delete every row that tests created.

    Tries again if a server that an earlier test started, and whose heartbeats continue, causes a deadlock or
    inserts a row that refers to a deleted one.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_sql_for_filled_tables())
                filled: dict[str, bool] = dict(cursor.fetchall())
                # TRUNCATE CASCADE may reach any table.
                with writable_ledger(APPEND_ONLY if any(filled.values()) else APPEND_ONLY & filled.keys()):
                    if any(filled.values()):
                        cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
                    elif filled:
                        cursor.execute("; ".join(f"DELETE FROM {table}" for table in filled))  # noqa: S608
            return
        except (OperationalError, IntegrityError) as error:
            can_retry = isinstance(error, IntegrityError) or isinstance(error.__cause__, DeadlockDetected)
            if attempt == ATTEMPTS or not can_retry:
                raise


@contextmanager
def writable_ledger(append_only: Set[str] = APPEND_ONLY) -> Iterator[None]:
    """Turn off the triggers of append-only tables within a transaction, as only their owner may.

    Tests alone do this, to empty the tables or to damage them: no setting of a running server turns them off.
    """
    if not append_only:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        # A table with pending checks can't be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        for table in sorted(append_only):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # rows are deleted in any order
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in sorted(append_only):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@cache
def _sql_for_filled_tables() -> str:
    """Return SQL that selects the names of the tables with rows, and whether they have many."""
    with connection.cursor() as cursor:
        # Procrastinate's foreign keys aren't deferred: referring tables must come before referenced ones.
        cursor.execute(
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND NOT tablename = ANY(%s)"
            " ORDER BY tablename LIKE 'procrastinate%%', tablename = 'procrastinate_workers',"
            " tablename = 'procrastinate_jobs', tablename",
            [list(KEPT)],
        )
        tables = [name for (name,) in cursor.fetchall()]
    each = (
        f"SELECT {number} AS number, '{table}' AS name,"  # noqa: S608
        f" EXISTS (SELECT FROM {table} OFFSET {MANY_ROWS}) AS has_many WHERE EXISTS (SELECT FROM {table})"
        for number, table in enumerate(tables)
    )
    return f"SELECT name, has_many FROM ({' UNION ALL '.join(each)}) filled ORDER BY number"  # noqa: S608


def rows_of_migrations() -> list[Any]:
    """Return the counts or contents of the tables that migrations fill, to detect changes by a test."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM django_content_type), (SELECT count(*) FROM auth_permission),"
            " (SELECT string_agg(category::text, ',' ORDER BY slug) FROM listings_category category)"
        )
        return list(cursor.fetchall())


@cache
def _first_rows_of_migrations() -> list[Any]:
    return rows_of_migrations()
