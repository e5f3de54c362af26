"""Jobs whose worker was killed, which Procrastinate leaves "doing" for ever."""

import logging

from django.conf import settings
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

logger = logging.getLogger(__name__)


async def queue_stalled_jobs() -> None:
    """Queue again the jobs whose worker has not been heard of for JOBS_STALLED_AFTER.

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
