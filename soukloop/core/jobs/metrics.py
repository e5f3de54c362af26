"""Metrics of background jobs: the queue as PostgreSQL has it, and what a worker has done."""

import time
from typing import Any

from procrastinate.jobs import Job, Status

from soukloop.core.metrics import JOB_SECONDS, JOB_SUCCEEDED_AT, JOBS
from soukloop.core.metrics.database import declare_database_gauge

OLDEST_WAITING = """
SELECT task_name, queue_name, extract(epoch FROM coalesce(clock_timestamp() - least(
    scheduled_at, (SELECT max(at) FROM procrastinate_events WHERE job_id = first_id)
), '0'))
FROM (
    SELECT task_name, queue_name, min(scheduled_at) AS scheduled_at,
        min(id) FILTER (WHERE scheduled_at IS NULL) AS first_id
    FROM procrastinate_jobs
    WHERE status = 'todo' AND coalesce(scheduled_at, '-infinity') <= now() GROUP BY 1, 2
) waiting
"""

# Each of these reads a partial index, which has the unfinished and the failed jobs alone.
declare_database_gauge(
    "souk_jobs_waiting",
    "Jobs that a worker may begin now.",
    "SELECT task_name, queue_name, count(*) FROM procrastinate_jobs"
    " WHERE status = 'todo' AND coalesce(scheduled_at, '-infinity') <= now() GROUP BY 1, 2",
    ("task", "queue"),
)
declare_database_gauge(
    "souk_jobs_scheduled",
    "Jobs that are to begin later, retries among them.",
    "SELECT task_name, queue_name, count(*) FROM procrastinate_jobs"
    " WHERE status = 'todo' AND scheduled_at > now() GROUP BY 1, 2",
    ("task", "queue"),
)
declare_database_gauge(
    "souk_jobs_oldest_waiting_seconds",
    "How long the job that has waited longest could have begun.",
    OLDEST_WAITING,
    ("task", "queue"),
)
declare_database_gauge(
    "souk_jobs_running",
    "Jobs that a worker has begun.",
    "SELECT task_name, queue_name, count(*) FROM procrastinate_jobs WHERE status = 'doing' GROUP BY 1, 2",
    ("task", "queue"),
)
declare_database_gauge(
    "souk_jobs_failed",
    "Jobs that were given up, and that nobody has retried; they are deleted after JOBS_KEPT_FOR.",
    "SELECT task_name, count(*) FROM procrastinate_jobs WHERE status = 'failed' GROUP BY 1",
    ("task",),
)


def count_job(job: Job, status: Status, *, retry_decision: Any, job_result: Any, **others: Any) -> None:
    """Count a job that has ended; `job_result` has the times."""
    result = "retried" if retry_decision else str(status.value)
    JOBS.labels(job.task_name, result).inc()
    if job_result is not None and job_result.end_timestamp is not None:
        JOB_SECONDS.labels(job.task_name).observe(job_result.end_timestamp - job_result.start_timestamp)
    if status is Status.SUCCEEDED:
        JOB_SUCCEEDED_AT.labels(job.task_name).set(time.time())
