"""Background jobs: enqueue one in the caller's transaction, retry failed ones."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from soukloop.core.errors import Forbidden
from soukloop.core.staff.history import log_staff_action

RETRY = RetryStrategy(max_attempts=6, exponential_wait=3)
"""For tasks that depend on a service outside (mail, storage): retried after 3, 9, 27, 81 and 243 s."""


def enqueue(
    task: str, *, lock: str | None = None, schedule_at: datetime | None = None, **arguments: Any
) -> None:
    """Insert a job by its task's name; it exists only if the caller's transaction commits.

    Services name tasks instead of importing them, because tasks import services. A job may run twice (its
    worker may die after the work and before recording it), so every task must be idempotent. Jobs with the
    same `lock` never run at the same time.
    """
    app.configure_task(task, lock=lock, schedule_at=schedule_at).defer(**arguments)


class RetryResult(NamedTuple):
    """The ids of the jobs that were queued again, and of those that were not with the reason."""

    queued: list[int]
    skipped: dict[int, str]


def retry_failed_jobs(*, actor: Any, job_ids: Iterable[int]) -> RetryResult:
    """Queue failed jobs again, each on its own; for staff. Raises Forbidden."""
    if not actor.is_staff:
        raise Forbidden
    tried = RetryResult([], {})
    for job_id in sorted(job_ids):
        if why_not := _reason_not_retried(actor, job_id):
            tried.skipped[job_id] = why_not
        else:
            tried.queued.append(job_id)
    return tried


def _reason_not_retried(actor: Any, job_id: int) -> str | None:
    """Queue one failed job again; return the reason where it can't be."""
    try:
        with transaction.atomic():
            job = ProcrastinateJob.objects.select_for_update().filter(pk=job_id).first()
            if job is None:
                return "deleted meanwhile"
            # Checked under the row lock: Procrastinate itself would also queue a job that is running.
            if job.status != Status.FAILED.value:
                return f"not failed but {job.status}"
            app.job_manager.retry_job_by_id(job.pk, timezone.now())
            log_staff_action(actor=actor, row=job, message="Tried again")
    except UniqueViolation:
        # A job with a queueing lock: its next run, or another failed one, is queued already.
        return "queued already by another job of the same queueing lock"
    return None
