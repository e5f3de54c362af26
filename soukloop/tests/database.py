"""Empty the database after a test that commits, within 10 ms where Django's flush takes 250.

Django truncates every table, filled or not, and announces a migration, which makes each permission anew. Here
rows are deleted from the tables that have some, and what migrations put there stays where it is.
"""

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected

ATTEMPTS = 5
MANY_ROWS = 1000  # from here on a TRUNCATE is quicker than a DELETE, which looks for what refers to each row
FILLED_BY_MIGRATIONS = ("django_content_type", "auth_permission", "listings_category")
KEPT = {*FILLED_BY_MIGRATIONS, "django_migrations", "spatial_ref_sys"}

_django_teardown = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Replace Django's flush."""

    def tear_down(case: TransactionTestCase) -> None:
        empty_tables()
        if rows_of_migrations() != _first_rows_of_migrations():
            _django_teardown(case)  # which has the migrations' signal put them back

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", tear_down)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Remember what migrations put into a new database."""
    with django_db_blocker.unblock():
        _first_rows_of_migrations()


@pytest.fixture(scope="session", autouse=True)
def categories_survive() -> None:
    """Put the 12 categories back after Django's own flush."""
    migration = importlib.import_module("listings.migrations.0002_categories")

    def restore(**kwargs: Any) -> None:
        if not apps.get_model("listings", "Category").objects.exists():
            migration.add(apps, None)

    post_migrate.connect(restore, sender=apps.get_app_config("listings"), weak=False)


@pytest.fixture(autouse=True)
def no_rows_of_earlier_tests(request: pytest.FixtureRequest) -> None:
    """Empty the tables before a test that commits: a server may have written after the last test's end."""
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction")):
        request.getfixturevalue("transactional_db")
        empty_tables()


def empty_tables() -> None:
    """Delete every row that tests made.

    A server that an earlier test started goes on with its heartbeats meanwhile: PostgreSQL may end our
    transaction in favour of its, or it may add a row that refers to one that we delete. Then we begin again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_question_for_filled_tables())
                filled: dict[str, bool] = dict(cursor.fetchall())
                if any(filled.values()):
                    cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
                elif filled:
                    cursor.execute("; ".join(f"DELETE FROM {table}" for table in filled))  # noqa: S608
            return
        except (OperationalError, IntegrityError) as error:
            is_worth_another = isinstance(error, IntegrityError) or isinstance(
                error.__cause__, DeadlockDetected
            )
            if attempt == ATTEMPTS or not is_worth_another:
                raise


@cache
def _question_for_filled_tables() -> str:
    """Return SQL that answers which tables have rows, and whether they have many."""
    with connection.cursor() as cursor:
        # Procrastinate's constraints are not deferred: what refers comes before what is referred to.
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
    """Return counts and contents of the tables that migrations fill, to see whether a test changed them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM django_content_type), (SELECT count(*) FROM auth_permission),"
            " (SELECT string_agg(category::text, ',' ORDER BY slug) FROM listings_category category)"
        )
        return list(cursor.fetchall())


@cache
def _first_rows_of_migrations() -> list[Any]:
    return rows_of_migrations()
