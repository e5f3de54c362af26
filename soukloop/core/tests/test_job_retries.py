"""Every task is retried: for long after errors that pass, a few times after others."""

import smtplib
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from psycopg_pool import PoolTimeout
from redis.exceptions import ConnectionError as RedisConnectionError

from soukloop.core.errors import Conflict, Unavailable
from soukloop.core.jobs.retries import RETRY_FAILURES, is_temporary


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


TEMPORARY = [
    OperationalError("the server closed the connection"),
    InterfaceError("the connection is closed"),
    caused(OperationalError("lock"), psycopg.errors.LockNotAvailable()),
    caused(DatabaseError("deadlock"), psycopg.errors.DeadlockDetected()),
    caused(DatabaseError("serialization"), psycopg.errors.SerializationFailure()),
    PoolTimeout("no connection after 10 s"),
    ConnectorException(),
    RedisConnectionError("refused"),
    ConnectionRefusedError("refused"),
    TimeoutError(),
    smtplib.SMTPServerDisconnected(),
    Unavailable(),
    caused(RuntimeError("while notifying"), OperationalError("lost")),
]
LASTING = [ZeroDivisionError(), KeyError("id"), Conflict(), IntegrityError("unique")]


def wait_after(error: Exception, attempts: int) -> int | None:
    job: Any = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="any", attempts=attempts)
    decision = RETRY_FAILURES.get_retry_decision(exception=error, job=job)
    if decision is None or decision.retry_at is None:
        return None
    from procrastinate import utils  # noqa: PLC0415

    return round((decision.retry_at - utils.utcnow()).total_seconds())


@pytest.mark.parametrize("error", TEMPORARY, ids=repr)
def test_an_error_that_passes_is_retried_for_a_day_within_a_minute_each_time(error: Exception) -> None:
    assert is_temporary(error)
    assert [wait_after(error, attempts) for attempts in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert wait_after(error, 1000) == 60
    assert wait_after(error, 1439) is None


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_another_error_is_retried_a_few_times_and_then_the_job_fails(error: Exception) -> None:
    assert not is_temporary(error)
    assert [wait_after(error, attempts) for attempts in range(6)] == [2, 4, 8, 16, None, None]


def test_every_task_of_ours_has_this_rule() -> None:
    app.perform_import_paths()
    tasks = {name: task for name, task in app.tasks.items() if not name.startswith("builtin")}
    ours = {
        name: task for name, task in tasks.items() if ".tests." not in name and "procrastinate" not in name
    }
    assert len(ours) >= 15
    assert {name for name, task in ours.items() if task.retry_strategy is not RETRY_FAILURES} == set()
