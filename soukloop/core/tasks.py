"""Housekeeping that belongs to no app."""

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
    """Put back the jobs whose worker was killed: Procrastinate leaves them "doing" for ever.

    A job that has been left that way JOBS_ATTEMPTS_MAX times is what kills workers, and is given up.
    """
    stalled = await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=settings.JOBS_STALLED_AFTER.total_seconds()
    )
    for job in stalled:
        if job.attempts + 1 >= settings.JOBS_ATTEMPTS_MAX:
            logger.error("job %s (%s) killed its worker too often; given up", job.id, job.task_name)
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
            continue
        logger.warning("job %s (%s) was left by a dead worker; it runs again", job.id, job.task_name)
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            # A singleton (one with a queueing lock) that is queued again already.
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)


@app.periodic(cron="17 3 * * *")
@app.task(name="core.forget_old_records", queueing_lock="core.forget_old_records")
async def forget_old_records(timestamp: int) -> None:
    """Drop finished jobs and idempotency records that are past their time."""
    await app.job_manager.delete_old_jobs(nb_hours=int(settings.JOBS_KEPT_FOR.total_seconds() // 3600))
    expired = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - settings.IDEMPOTENCY_TTL)
    await sync_to_async(expired.delete)()
