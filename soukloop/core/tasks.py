"""Periodic jobs that queue stalled jobs again and delete old records."""

from django.conf import settings
from procrastinate.contrib.django import app

from soukloop.core.db.clock import database_now
from soukloop.core.jobs.retries import task
from soukloop.core.jobs.stalled import queue_stalled_jobs
from soukloop.core.models import IdempotencyRecord

_BATCH = 5000  # rows that one statement deletes


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
    """Delete finished jobs after JOBS_KEPT_FOR."""
    await app.job_manager.delete_old_jobs(nb_hours=int(settings.JOBS_KEPT_FOR.total_seconds() // 3600))


@app.periodic(cron="*/5 * * * *")
@task("core.delete_expired_responses", queueing_lock="core.delete_expired_responses")
def delete_expired_responses(timestamp: int) -> None:
    """Delete idempotency records after IDEMPOTENCY_TTL: often and a few at a time, so that room is reused.

    Forty requests a second are 12,000 between two runs.
    """
    expired = IdempotencyRecord.objects.filter(created_at__lt=database_now() - settings.IDEMPOTENCY_TTL)
    oldest = expired.order_by("created_at").values("pk")[:_BATCH]
    while IdempotencyRecord.objects.filter(pk__in=oldest).delete()[0] == _BATCH:
        pass
