"""Background jobs: enqueue one in the caller's transaction, retry failed ones."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Forbidden
from soukloop.core.jobs.context import inherited_arguments
from soukloop.core.staff.history import log_staff_action

# In a worker, `app` has connections of its own: what a job enqueued by them would run before the transaction
# of that job is committed, and also if it is rolled back.
_in_the_transaction = JobManager(DjangoConnector())


def enqueue(
    task: str, *, lock: str | None = None, schedule_at: datetime | None = None, **arguments: Any
) -> None:
    """Insert a job, by its task's name, in the caller's transaction; it runs only if that commits.

    Services name tasks instead of importing them, because tasks import services. Every task must be
    idempotent: its job runs again if the worker dies after the work and before recording it. Jobs with the
    same `lock` never run at the same time. The job's log lines have the id of the current request.
    """
    job = app.configure_task(task, lock=lock, schedule_at=schedule_at)
    job.job_manager = _in_the_transaction
    job.defer(**arguments, **inherited_arguments())


def enqueue_once(task: str, *, lock: str | None = None, **arguments: Any) -> bool:
    """Insert a job unless one with these arguments waits or runs; return whether it was inserted.

    Of two that do this at once, the second waits until the first has committed.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"{task} {jsonlib.dumps(arguments).decode()}"],
        )
        if is_job_queued(task, **arguments):
            return False
        enqueue(task, lock=lock, **arguments)
        return True


def is_job_pending(*, lock: str) -> bool:
    """Return whether a job with this lock waits, is to be retried, or runs."""
    return ProcrastinateJob.objects.filter(
        lock=lock, status__in=[Status.TODO.value, Status.DOING.value]
    ).exists()


def is_job_queued(task: str, **arguments: Any) -> bool:
    """Return whether a job of this task with these arguments waits, is to be retried, or runs."""
    return ProcrastinateJob.objects.filter(
        task_name=task, args__contains=arguments, status__in=[Status.TODO.value, Status.DOING.value]
    ).exists()


class RetryResult(NamedTuple):
    """The ids of the jobs that were queued again, and the reason for each that was not."""

    queued: list[int]
    skipped: dict[int, str]


def retry_failed_jobs(*, actor: Any, job_ids: Iterable[int]) -> RetryResult:
    """Queue failed jobs again, each in its own transaction.

    Raises Forbidden, unless the actor is staff with the "change" permission on jobs, as moderators are.
    """
    if not (actor.is_staff and actor.has_perm("procrastinate.change_procrastinatejob")):
        raise Forbidden
    result = RetryResult([], {})
    for job_id in sorted(job_ids):
        if reason := _retry_failed_job(actor, job_id):
            result.skipped[job_id] = reason
        else:
            result.queued.append(job_id)
    return result


def _retry_failed_job(actor: Any, job_id: int) -> str | None:
    """Queue one failed job again, or return the reason why that is not possible."""
    try:
        with transaction.atomic():
            job = ProcrastinateJob.objects.select_for_update().filter(pk=job_id).first()
            if job is None:
                return "deleted in the meantime"
            # Checked under the row lock: Procrastinate itself would also queue a job that is running.
            if job.status != Status.FAILED.value:
                return f"status {job.status}"
            app.job_manager.retry_job_by_id(job.pk, database_now())
            log_staff_action(actor=actor, row=job, message="Retried")
    except UniqueViolation:
        # Its next periodic run, or another failed job, is already queued.
        return "another job with the same queueing lock is already queued"
    return None
