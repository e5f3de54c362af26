"""Jobs commit with their transaction, and outlive a killed worker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from soukloop.core.jobs import enqueue
from soukloop.core.models import IdempotencyRecord
from soukloop.core.tasks import forget_old_records, reap_stalled_jobs

pytestmark = pytest.mark.django_db(transaction=True)

WORKER_JOB = "soukloop.core.tests.slow_job"


def reap() -> None:
    async_to_sync(reap_stalled_jobs.func)(timestamp=0)


def sql(statement: str, *arguments: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)


def job() -> ProcrastinateJob:
    """Return the test's own job; a real worker also enqueues the periodic ones."""
    return ProcrastinateJob.objects.get(task_name=WORKER_JOB)


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Run a real worker on the test database, with a task that is never done."""
    test_url = f"{os.environ['DATABASE_URL'].rsplit('/', 1)[0]}/{settings.DATABASES['default']['NAME']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "soukloop.core.tests.slow_worker"],
        env={**os.environ, "DATABASE_URL": test_url, "DJANGO_SETTINGS_MODULE": "soukloop.settings"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(status: str) -> None:
    deadline = time.monotonic() + 20
    while job().status != status:
        assert time.monotonic() < deadline, f"still {job().status}"
        time.sleep(0.05)


def test_a_job_exists_only_if_its_transaction_commits() -> None:
    with transaction.atomic():
        enqueue(WORKER_JOB, number=1)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()
    with transaction.atomic():
        enqueue(WORKER_JOB, number=2)
    assert job().args == {"number": 2}


def test_the_job_of_a_killed_worker_runs_again_and_only_then() -> None:
    enqueue(WORKER_JOB, number=1)
    with worker() as process:
        wait_for("doing")
        reap()
        assert job().status == "doing", "its worker lives"
        process.send_signal(signal.SIGKILL)
        process.wait()
    reap()
    assert job().status == "doing", "its worker was heard of a moment ago"
    sql("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'")
    reap()
    assert job().status == "todo"
    with worker():
        wait_for("doing")
    assert job().attempts == 1


def test_a_job_that_keeps_killing_its_workers_is_given_up() -> None:
    enqueue(WORKER_JOB, number=1)
    sql("UPDATE procrastinate_jobs SET status = 'doing', attempts = 4")
    reap()
    assert job().status == "failed"


def test_a_stalled_singleton_that_is_queued_again_is_dropped() -> None:
    enqueue("core.forget_old_records", timestamp=0)
    sql("UPDATE procrastinate_jobs SET status = 'doing', queueing_lock = 'one'")
    enqueue("core.forget_old_records", timestamp=1)
    sql("UPDATE procrastinate_jobs SET queueing_lock = 'one' WHERE status = 'todo'")
    reap()
    assert sorted(ProcrastinateJob.objects.values_list("status", flat=True)) == ["failed", "todo"]


def test_old_idempotency_records_are_forgotten() -> None:
    def record(key: str, age: timedelta) -> datetime:
        made_at = timezone.now() - age
        row = IdempotencyRecord.objects.create(owner="x", key=key)
        IdempotencyRecord.objects.filter(pk=row.pk).update(created_at=made_at)
        return made_at

    record("old", timedelta(hours=25))
    record("new", timedelta(hours=23))
    async_to_sync(forget_old_records.func)(timestamp=0)
    assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["new"]
