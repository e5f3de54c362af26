"""Which failed jobs run again, and when: one rule for every task."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.tasks import Task
from redis.exceptions import RedisError

from soukloop.core.errors import Unavailable
from soukloop.core.jobs.context import with_context

P = ParamSpec("P")
R = TypeVar("R")

# serialization_failure, deadlock_detected, lock_not_available, query_canceled
_RETRYABLE_STATES = {"40001", "40P01", "55P03", "57014"}
_WAIT_MAX = 60  # seconds


class RetryFailures(BaseRetryStrategy):
    """Retry what a lost connection, a lock or another service caused for a day, anything else a few times.

    Each wait is twice as long as the last: 2, 4, 8 s, at most a minute. A job that has used up its attempts
    is `failed`; the log has an error, and staff who may moderate jobs can retry it in the admin.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        attempts_max = (
            settings.JOBS_TEMPORARY_ATTEMPTS_MAX if is_temporary(exception) else settings.JOBS_ATTEMPTS_MAX
        )
        if job.attempts + 1 >= attempts_max:
            return None
        return RetryDecision(retry_in={"seconds": min(_WAIT_MAX, 2 ** min(job.attempts + 1, 10))})


def is_temporary(error: BaseException | None) -> bool:
    """Return whether an error, or one that caused it, may be gone when the job runs again."""
    while error is not None:
        match error:
            case (
                OperationalError() | InterfaceError() | psycopg.OperationalError() | psycopg.InterfaceError()
            ):
                return True
            case RedisError() | OSError() | Unavailable() | ConnectorException():
                return True
            case DatabaseError() if getattr(error.__cause__, "sqlstate", "") in _RETRYABLE_STATES:
                return True
        error = error.__cause__
    return False


RETRY_FAILURES = RetryFailures()


def task(name: str, **options: Any) -> Callable[[Callable[P, R]], Task[P, R, P]]:
    """Register a function as a background task that is retried by `RetryFailures`.

    `options` are those of Procrastinate's `app.task`. The function must be safe to run twice, and to run
    again after it was killed half-way.
    """
    add_task: Callable[[Callable[P, R]], Task[P, R, P]] = app.task(name=name, retry=RETRY_FAILURES, **options)

    def register(function: Callable[P, R]) -> Task[P, R, P]:
        return add_task(with_context(name, function))

    return register
