"""Jobs for tests."""

from typing import Any

from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from soukloop.core.jobs.queue import enqueue


def make_job(**columns: Any) -> ProcrastinateJob:
    """Queue a job, and set columns of its row."""
    enqueue("accounts.deliver_code", challenge_id=1, nonce="n")
    job = ProcrastinateJob.objects.latest("id")
    with connection.cursor() as cursor:  # its model is for reading only
        for name, value in columns.items():
            cursor.execute(f"UPDATE procrastinate_jobs SET {name} = %s WHERE id = %s", [value, job.pk])  # noqa: S608
    return job
