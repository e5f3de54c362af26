"""Periodic jobs that queue stalled jobs again and delete old records."""

import logging

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from soukloop.core.models import IdempotencyRecord

logger = logging.getLogger(__name__)


@app.periodic(cron="* * * * * */15")
@app.task(name="core.reap_stalled_jobs", queueing_lock="core.reap_stalled_jobs")
async def reap_stalled_jobs(timestamp: int) -> None:
    """Queue again the jobs whose worker was killed, because Procrastinate leaves them "doing" forever.

    A job whose worker died JOBS_ATTEMPTS_MAX times is probably the cause, and is marked as failed.
    """
    stalled = await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=settings.JOBS_STALLED_AFTER.total_seconds()
    )
    for job in stalled:
        if job.attempts + 1 >= settings.JOBS_ATTEMPTS_MAX:
            logger.error("job %s (%s) failed: its worker died too many times", job.id, job.task_name)
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
            continue
        logger.warning("job %s (%s) queued again: its worker died", job.id, job.task_name)
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            # A job with a queueing lock, whose next run is already queued.
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)


@app.periodic(cron="17 3 * * *")
@app.task(
    name="core.delete_old_records",
    aliases=["core.forget_old_records"],
    queueing_lock="core.delete_old_records",
)
async def delete_old_records(timestamp: int) -> None:
    """Delete finished jobs after JOBS_KEPT_FOR and idempotency records after IDEMPOTENCY_TTL."""
    await app.job_manager.delete_old_jobs(nb_hours=int(settings.JOBS_KEPT_FOR.total_seconds() // 3600))
    expired = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - settings.IDEMPOTENCY_TTL)
    await sync_to_async(expired.delete)()
