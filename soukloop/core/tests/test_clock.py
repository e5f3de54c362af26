"""Times that one process writes and another judges are the database's."""

import ast
import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from soukloop.core.db.clock import DatabaseClock

ROOT = Path(settings.BASE_DIR)

# Where the process's own clock is right, and why.
ALLOWED = {
    "soukloop/core/db/clock.py": "measures it against the database's",
    "listings/selectors/search.py": "names a period's cache key; another period is only another key",
    "listings/services/view_counts.py": "names a period's key in Redis; another period is only another key",
    "livestream/demo.py": "times of demo data",
    "livestream/media/packaging/reading.py": "says when media arrived at the media server's machine",
    "livestream/media/packaging/store.py": "dates segments by the clock of the machine that serves them",
    "livestream/media/packaging/stream.py": "says when media arrived at the media server's machine",
    "livestream/media/playback_tokens.py": "valid for hours, so that minutes don't matter",
    "livestream/packager.py": "compares the times of files on its own machine",
    "livestream/packager_reports.py": "says when media arrived at the media server's machine",
    "notifications/push/access_token.py": "judges a token's age; Google counts by a clock of its own",
    "notifications/push/fcm.py": "says how long FCM may keep a push",
    "notifications/push/web_push.py": "says how long a push service may keep a push; signed for 12 h",
    "payments/providers/sandbox/webhooks.py": "judges the age of signatures, within 5 min",
    "payments/providers/stripe/webhooks.py": "compares with Stripe's clock, within 5 min",
    "soukloop/core/backups/making.py": "names the time of a backup for people",
    "soukloop/core/jobs/metrics.py": "a metric that Prometheus compares with its own clock",
    "soukloop/core/management/commands/jobs.py": "says to a person how long ago a job ended",
    "listings/management/commands/seed_catalogue.py": "times of benchmark data",
}
CLOCKS = {("timezone", "now"), ("datetime", "now"), ("datetime", "utcnow"), ("time", "time")}


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def theirs() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [now] = cursor.fetchone()
    assert isinstance(now, datetime)
    return now


def differs(one: datetime, other: datetime) -> float:
    return abs((one - other).total_seconds())


@pytest.mark.django_db
@pytest.mark.parametrize("shift", [timedelta(minutes=-7), timedelta(seconds=2), timedelta(hours=3)])
def test_a_host_whose_clock_is_wrong_tells_the_databases_time(shift: timedelta) -> None:
    with time_machine.travel(timezone.now() + shift):
        clock = DatabaseClock()
        assert differs(timezone.now(), theirs()) > 1
        assert differs(clock.now(), theirs()) < 0.5


@pytest.mark.django_db
def test_a_clock_that_is_set_while_the_process_runs_is_measured_again() -> None:
    clock = DatabaseClock()
    assert differs(clock.now(), theirs()) < 0.5
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        clock._wall_minus_monotonic -= 300  # whether or not time_machine moves the monotonic clock as well
        assert differs(clock.now(), theirs()) < 0.5


@pytest.mark.django_db
def test_the_time_costs_one_query_in_ten_seconds(django_assert_num_queries: Any) -> None:
    clock = DatabaseClock()
    with django_assert_num_queries(1):
        for _ in range(1000):
            clock.now()


@pytest.mark.django_db(transaction=True)
def test_the_time_is_told_without_a_query_in_a_broken_transaction_and_on_an_event_loop() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        assert differs(DatabaseClock().now(), timezone.now()) < 1

    async def tell() -> datetime:
        return DatabaseClock().now()

    assert differs(asyncio.run(tell()), timezone.now()) < 1


def test_no_production_code_reads_the_process_s_own_clock_without_a_reason() -> None:
    found = set()
    for folder in (ROOT / "soukloop", *(ROOT / app for app in settings.INSTALLED_APPS if "." not in app)):
        for path in folder.rglob("*.py") if folder.is_dir() else ():
            name = str(path.relative_to(ROOT))
            if {"tests", "testing", "migrations"} & set(path.relative_to(ROOT).parts):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and (name_of(node.value), node.attr) in CLOCKS:
                    found.add(name)
    assert found - set(ALLOWED) == set(), "use database_now() (soukloop/core/db/clock.py)"
    assert set(ALLOWED) - found == set()
