"""All background tasks, what each is for and when it runs, and what has become of its jobs."""

import inspect
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.tasks import Task

from soukloop.core.jobs.metrics import OLDEST_WAITING

_COUNTS = """
SELECT task_name,
    count(*) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, '-infinity') <= now()),
    count(*) FILTER (WHERE status = 'todo' AND scheduled_at > now()),
    count(*) FILTER (WHERE status = 'doing'),
    count(*) FILTER (WHERE status = 'failed')
FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed') GROUP BY task_name
"""
# An attempt that is to be repeated has ended, too.
_LAST_RUNS = """
WITH newest AS (
    SELECT task_name, max(event.id) AS event_id
    FROM procrastinate_jobs job JOIN procrastinate_events event ON event.job_id = job.id
    WHERE event.type IN ('succeeded', 'failed', 'deferred_for_retry', 'aborted') GROUP BY task_name
)
SELECT task_name, ended.at, extract(epoch FROM ended.at - (
    SELECT max(at) FROM procrastinate_events
    WHERE job_id = ended.job_id AND type = 'started' AND id < ended.id
)), ended.type::text
FROM newest JOIN procrastinate_events ended ON ended.id = newest.event_id
"""
# Cron's fields, with seconds last where there are six.
_SCHEDULES = {
    r"\* \* \* \* \* \*/(\d+)": "every {} s",
    r"\* \* \* \* \*": "every minute",
    r"\*/(\d+) \* \* \* \*": "every {} min",
    r"(\d+) \* \* \* \*": "every hour at :{}",
    r"(\d+) (\d+) \* \* \*": "every day at {1}:{0}",
}
_RESULTS = {"deferred_for_retry": "to be retried"}


@dataclass
class TaskState:
    """A task and its jobs; times of runs are None for a task that has not run within JOBS_KEPT_FOR."""

    name: str
    purpose: str
    schedule: str
    """When it runs by itself, in UTC; empty if services enqueue its jobs."""

    waiting: int = 0
    oldest_waiting_seconds: float = 0.0
    scheduled: int = 0
    running: int = 0
    failed: int = 0
    last_ended_at: datetime | None = None
    last_took_seconds: float | None = None
    last_result: str = ""


@dataclass
class QueueState:
    """All jobs: how many there are, and how long the one that has waited longest could have begun."""

    waiting: int = 0
    oldest_waiting_seconds: float = 0.0
    running: int = 0
    failed: int = 0
    tasks: list[TaskState] = field(default_factory=list)


def registered_tasks() -> list[TaskState]:
    """Return all tasks of ours by name, without their jobs: the periodic ones first."""
    app.perform_import_paths()  # type: ignore[no-untyped-call]
    schedules = {
        task.task.name: _in_words(task.cron) for task in app.periodic_registry.periodic_tasks.values()
    }
    # A task is registered under its earlier names, too, and Procrastinate has some of its own.
    ours = {task.name: task for task in app.tasks.values() if not task.name.startswith("builtin:")}
    tasks = [TaskState(name, _purpose(task), schedules.get(name, "")) for name, task in ours.items()]
    return sorted(tasks, key=lambda task: (not task.schedule, task.name))


def queue_state() -> QueueState:
    """Return all tasks with the state of their jobs, and the jobs of tasks that no longer exist."""
    tasks = {task.name: task for task in registered_tasks()}

    def of(name: str) -> TaskState:
        return tasks.setdefault(name, TaskState(name, "(no such task any more)", ""))

    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        for name, *counts in cursor.fetchall():
            state = of(name)
            state.waiting, state.scheduled, state.running, state.failed = counts
        cursor.execute(OLDEST_WAITING)
        for name, _queue, seconds in cursor.fetchall():
            of(name).oldest_waiting_seconds = max(of(name).oldest_waiting_seconds, float(seconds))
        cursor.execute(_LAST_RUNS)
        for name, ended_at, seconds, result in cursor.fetchall():
            state = of(name)
            state.last_ended_at = ended_at
            state.last_took_seconds = None if seconds is None else float(seconds)
            state.last_result = _RESULTS.get(result, result)
    found = list(tasks.values())
    return QueueState(
        waiting=sum(task.waiting for task in found),
        oldest_waiting_seconds=max((task.oldest_waiting_seconds for task in found), default=0.0),
        running=sum(task.running for task in found),
        failed=sum(task.failed for task in found),
        tasks=found,
    )


def markdown_table() -> str:
    """Return the periodic tasks as docs/operations.md shows them."""
    head = ["| task | runs | what it is for |", "|---|---|---|"]
    periodic = [task for task in registered_tasks() if task.schedule]
    return "\n".join([*head, *(f"| `{task.name}` | {task.schedule} | {task.purpose} |" for task in periodic)])


def _in_words(cron: str) -> str:
    """Say when a schedule runs; one that isn't of the usual kinds as it is."""
    for pattern, words in _SCHEDULES.items():
        if found := re.fullmatch(pattern, cron):
            return words.format(*(number.zfill(2) if ":" in words else number for number in found.groups()))
    return cron


def _purpose(task: Task[Any, Any, Any]) -> str:
    return (inspect.getdoc(task.func) or "").partition("\n")[0]
