"""Jobs are queued with their transaction and survive a killed worker."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import connection, connections, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector

from accounts.models import User
from accounts.tests.factories import make_staff, make_user
from soukloop.core.errors import Forbidden
from soukloop.core.jobs.queue import RetryResult, enqueue, enqueue_once, retry_failed_jobs
from soukloop.core.models import IdempotencyRecord
from soukloop.core.tasks import delete_expired_responses, reap_stalled_jobs

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


def test_what_a_job_of_a_worker_enqueues_is_part_of_the_transaction_of_that_job() -> None:
    def enqueue_twice() -> list[str]:
        try:
            with transaction.atomic():
                enqueue(WORKER_JOB, number=1)
                with ThreadPoolExecutor(1) as other_connection:
                    seen = other_connection.submit(names_of_jobs).result()
            with suppress(ZeroDivisionError), transaction.atomic():
                enqueue(WORKER_JOB, number=2)
                raise ZeroDivisionError
            return seen
        finally:
            connection.close()

    def names_of_jobs() -> list[str]:
        with closing(connection):
            return list(ProcrastinateJob.objects.values_list("task_name", flat=True))

    async def in_a_worker() -> list[str]:
        connector = PsycopgConnector(kwargs=connector_params("default"), min_size=1, max_size=1)
        with app.replace_connector(connector):
            async with app.open_async():
                return await asyncio.to_thread(enqueue_twice)

    assert asyncio.run(in_a_worker()) == []
    assert job().args["number"] == 1


def test_a_job_exists_only_if_its_transaction_commits() -> None:
    with transaction.atomic():
        enqueue(WORKER_JOB, number=1)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()
    with transaction.atomic():
        enqueue(WORKER_JOB, number=2)
    assert job().args == {"number": 2}


@pytest.mark.faults
def test_a_job_runs_again_only_once_its_worker_is_dead() -> None:
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


def test_a_job_whose_workers_keep_dying_is_failed() -> None:
    enqueue(WORKER_JOB, number=1)
    for _ in range(settings.JOBS_ATTEMPTS_MAX - 1):
        sql("UPDATE procrastinate_jobs SET status = 'doing'")
        reap()
        assert job().status == "todo"
    sql("UPDATE procrastinate_jobs SET status = 'doing'")
    reap()
    assert job().status == "failed"


def test_attempts_that_failed_do_not_count_as_deaths_of_a_worker() -> None:
    enqueue(WORKER_JOB, number=1)
    sql("UPDATE procrastinate_jobs SET status = 'doing', attempts = 100")
    reap()
    assert job().status == "todo"


def test_a_stalled_job_whose_queueing_lock_is_queued_again_is_failed() -> None:
    enqueue("core.delete_old_records", timestamp=0)
    sql("UPDATE procrastinate_jobs SET status = 'doing', queueing_lock = 'one'")
    enqueue("core.delete_old_records", timestamp=1)
    sql("UPDATE procrastinate_jobs SET queueing_lock = 'one' WHERE status = 'todo'")
    reap()
    assert sorted(ProcrastinateJob.objects.values_list("status", flat=True)) == ["failed", "todo"]


@pytest.fixture
def staff() -> User:
    return make_staff()


def failed_jobs(number: int, queueing_lock: str | None = None) -> list[int]:
    for _ in range(number):
        enqueue(WORKER_JOB, number=1)
        sql("UPDATE procrastinate_jobs SET status = 'failed', queueing_lock = %s", queueing_lock)
    return list(ProcrastinateJob.objects.order_by("id").values_list("pk", flat=True))


def statuses() -> list[str]:
    return list(ProcrastinateJob.objects.order_by("id").values_list("status", flat=True))


def test_only_one_of_several_failed_jobs_with_one_queueing_lock_is_retried(staff: User) -> None:
    first, second = failed_jobs(2, queueing_lock="one")
    why = "another job with the same queueing lock is already queued"
    assert retry_failed_jobs(actor=staff, job_ids=[second, first]) == RetryResult([first], {second: why})
    assert statuses() == ["todo", "failed"]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (staff, str(first), "Retried")


def test_a_failed_job_whose_queueing_lock_is_taken_does_not_keep_others_from_being_retried(
    staff: User,
) -> None:
    singleton, other, queued = failed_jobs(3)
    sql("UPDATE procrastinate_jobs SET queueing_lock = 'one' WHERE id IN (%s, %s)", singleton, queued)
    sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", queued)
    tried = retry_failed_jobs(actor=staff, job_ids=[singleton, other])
    assert (tried.queued, list(tried.skipped)) == ([other], [singleton])
    assert statuses() == ["failed", "todo", "todo"]


@pytest.mark.parametrize("status", ["todo", "doing", "succeeded", "cancelled"])
def test_a_job_that_is_not_failed_any_more_is_skipped(staff: User, status: str) -> None:
    (changed,) = failed_jobs(1)
    sql("UPDATE procrastinate_jobs SET status = %s", status)
    assert retry_failed_jobs(actor=staff, job_ids=[changed]) == RetryResult([], {changed: f"status {status}"})
    assert (job().status, job().attempts) == (status, 0)
    assert not LogEntry.objects.exists()


def test_a_job_that_changes_at_the_same_moment_is_skipped(staff: User) -> None:
    def try_beside() -> RetryResult:
        with closing(connections["default"]):
            return retry_failed_jobs(actor=staff, job_ids=[changed])

    (changed,) = failed_jobs(1)
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            sql("UPDATE procrastinate_jobs SET status = 'doing'")
            trying = threads.submit(try_beside)
            wait_for_a_lock()
        assert trying.result(timeout=20) == RetryResult([], {changed: "status doing"})
    assert (job().status, job().attempts) == ("doing", 0)


def wait_for_a_lock() -> None:
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while not cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone():
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.02)
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # which a transaction otherwise keeps


def test_a_deleted_job_does_not_keep_others_from_being_retried(staff: User) -> None:
    deleted, other = failed_jobs(2)
    sql("DELETE FROM procrastinate_jobs WHERE id = %s", deleted)
    tried = retry_failed_jobs(actor=staff, job_ids=[deleted, other])
    assert tried == RetryResult([other], {deleted: "deleted in the meantime"})


def test_only_staff_may_retry_jobs() -> None:
    failed = failed_jobs(1)
    with pytest.raises(Forbidden):
        retry_failed_jobs(actor=make_user(), job_ids=failed)
    assert statuses() == ["failed"]


def test_expired_responses_are_deleted_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soukloop.core.tasks._BATCH", 2)

    def record(age: timedelta) -> Any:
        row = IdempotencyRecord.objects.create(id=uuid4(), fingerprint=uuid4(), status=201, body=b"{}")
        IdempotencyRecord.objects.filter(pk=row.pk).update(created_at=timezone.now() - age)
        return row

    for _ in range(5):
        record(timedelta(hours=25))
    new = record(timedelta(hours=23))
    delete_expired_responses.func(timestamp=0)
    assert list(IdempotencyRecord.objects.all()) == [new]


def test_of_two_that_enqueue_once_at_the_same_time_one_does() -> None:
    def attempt(_: int) -> bool:
        try:
            return enqueue_once(WORKER_JOB, number=1)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(attempt, range(4))) == [False, False, False, True]
    assert enqueue_once(WORKER_JOB, number=2)
    assert ProcrastinateJob.objects.count() == 2
