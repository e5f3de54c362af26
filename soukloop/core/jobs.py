"""Background jobs: enqueued inside the transaction that needs them, put back when their worker dies."""

from datetime import datetime
from typing import Any

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

RETRY = RetryStrategy(max_attempts=6, exponential_wait=3)
"""For tasks that depend on something outside (mail, storage): again after 3, 9, 27, 81, 243 s."""


def enqueue(
    task: str, *, lock: str | None = None, schedule_at: datetime | None = None, **arguments: Any
) -> None:
    """Insert a job by its task's name; it exists only if the caller's transaction commits.

    Services name tasks instead of importing them, because tasks import services. A job may run twice (its
    worker may die after the work and before the note of it), so every task is written to bear that. `lock`
    keeps jobs of the same lock from running at the same time.
    """
    app.configure_task(task, lock=lock, schedule_at=schedule_at).defer(**arguments)
