"""Periodic jobs that queue stalled jobs again and delete old records."""

from asgiref.sync import sync_to_async
from django.conf import settings
from procrastinate.contrib.django import app

from soukloop.core.db.clock import database_now
from soukloop.core.jobs.retries import task
from soukloop.core.jobs.stalled import queue_stalled_jobs
from soukloop.core.models import IdempotencyRecord


@app.periodic(cron="* * * * * */15")
@task("core.reap_stalled_jobs", queueing_lock="core.reap_stalled_jobs")
async def reap_stalled_jobs(timestamp: int) -> None:
    """Queue again the jobs whose worker was killed."""
    await queue_stalled_jobs()


@app.periodic(cron="17 3 * * *")
@task(
    "core.delete_old_records",
    aliases=["core.forget_old_records"],
    queueing_lock="core.delete_old_records",
)
async def delete_old_records(timestamp: int) -> None:
    """Delete finished jobs after JOBS_KEPT_FOR and idempotency records after IDEMPOTENCY_TTL."""
    await app.job_manager.delete_old_jobs(nb_hours=int(settings.JOBS_KEPT_FOR.total_seconds() // 3600))
    expired = IdempotencyRecord.objects.filter(created_at__lt=database_now() - settings.IDEMPOTENCY_TTL)
    await sync_to_async(expired.delete)()
