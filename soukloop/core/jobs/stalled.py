"""Jobs whose worker was killed, which Procrastinate leaves "doing" for ever."""

import asyncio
import logging
from datetime import timedelta

from django.conf import settings
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status
from redis.exceptions import RedisError

from soukloop.core.redis import keys
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)


async def queue_stalled_jobs() -> None:
    """Queue again the jobs whose worker has not been heard of for JOBS_STALLED_AFTER.

    A job whose worker died JOBS_ATTEMPTS_MAX times is probably the cause, and is marked as failed.
    """
    stalled = await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=settings.JOBS_STALLED_AFTER.total_seconds()
    )
    for job in stalled:
        assert job.id is not None
        if await asyncio.to_thread(_count_death, job.id) >= settings.JOBS_ATTEMPTS_MAX:
            logger.error("job %s (%s) failed: its worker died too many times", job.id, job.task_name)
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
            continue
        logger.warning("job %s (%s) queued again: its worker died", job.id, job.task_name)
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            # A job with a queueing lock, whose next run is already queued.
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)


def _count_death(job_id: int) -> int:
    """Count one more worker that died with this job, apart from its attempts that failed; return the number.

    Counted in Redis: if that loses it, the job is tried a few more times.
    """
    try:
        with redis_client().pipeline() as pipeline:
            pipeline.incr(keys.worker_deaths(job_id))
            pipeline.expire(keys.worker_deaths(job_id), timedelta(days=1))
            deaths: int = pipeline.execute()[0]
    except RedisError as error:
        logger.warning("the death of a worker was not counted: %s", error)
        return 1
    return deaths
