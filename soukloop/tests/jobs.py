"""The fixture that runs background jobs in the test's own process, loaded by the root `conftest.py`."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob


@pytest.fixture
def run_jobs(db: None) -> Callable[[], list[str]]:
    """Return a function that runs the jobs enqueued since the test began, and returns their tasks' names.

    Those that are scheduled for later are left.
    """
    last = ProcrastinateJob.objects.aggregate(last=Max("pk"))["last"] or 0

    def run() -> list[str]:
        ran = []
        while job := _due().filter(pk__gt=last).order_by("pk").first():
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [job.pk])
            app.tasks[job.task_name].func(**job.args)
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [job.pk])
            ran.append(job.task_name)
        return ran

    return run


def _due() -> QuerySet[ProcrastinateJob]:
    is_due = Q(scheduled_at=None) | Q(scheduled_at__lte=timezone.now())
    return ProcrastinateJob.objects.filter(is_due, status="todo")
