"""The worker goes on after PostgreSQL was unavailable, and no job is lost meanwhile."""

import inspect
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker

from soukloop.core.jobs.worker import RecoveringWorker
from soukloop.realtime.testing.postgres_process import PostgresProcess
from soukloop.realtime.testing.waiting import wait_until

JOB = "listings.delete_old_view_batches"


class WorkerProcess:
    """A worker on a test's own PostgreSQL."""

    def __init__(self, database_url: str) -> None:
        self.log_path = Path(tempfile.mkstemp(prefix="worker-", suffix=".log")[1])
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DATABASE_URL": database_url},
            stdout=self.log_path.open("wb"),
            stderr=subprocess.STDOUT,
        )

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")


@pytest.fixture
def worker(own_postgres: PostgresProcess) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(own_postgres.url)
    yield worker
    worker.process.kill()
    worker.process.wait()
    # Shown where a test fails.
    print(worker.log())
    print(own_postgres.execute("SELECT id, task_name, status, attempts, worker_id FROM procrastinate_jobs"))
    worker.log_path.unlink()


def insert_job(postgres: PostgresProcess) -> Any:
    rows = postgres.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority, abort_requested)"
        " VALUES ('default', %s, '{\"timestamp\": 0}', 0, false) RETURNING id",
        JOB,
    )
    return rows[0][0]


def wait_for_success(postgres: PostgresProcess, job_id: Any, seconds: float = 30) -> float:
    def is_done() -> bool:
        rows = postgres.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", job_id)
        return rows == [("succeeded",)]

    return wait_until(is_done, "end of the job", seconds)


@pytest.mark.parametrize("seconds_down", [0, 12])
def test_the_worker_survives_a_crash_of_postgresql_and_goes_on_within_five_seconds(
    own_postgres: PostgresProcess, worker: WorkerProcess, seconds_down: int
) -> None:
    wait_for_success(own_postgres, insert_job(own_postgres))
    own_postgres.crash()
    time.sleep(seconds_down)
    own_postgres.start()
    took = wait_for_success(own_postgres, insert_job(own_postgres))
    assert took < 5, worker.log()
    assert worker.is_running
    [[newest]] = own_postgres.execute("SELECT max(id) FROM procrastinate_jobs")
    periodic = "SELECT id FROM procrastinate_jobs WHERE task_name = 'livestream.sweep_rooms' AND id > %s"
    wait_until(lambda: own_postgres.execute(periodic, newest), "periodic job", 15)


def test_the_worker_waits_for_a_postgresql_that_starts_later(own_postgres: PostgresProcess) -> None:
    own_postgres.crash()
    worker = WorkerProcess(own_postgres.url)
    try:
        wait_until(lambda: "PostgreSQL is unavailable" in worker.log(), "warning of the worker", 30)
        time.sleep(3)
        own_postgres.start()
        assert wait_for_success(own_postgres, insert_job(own_postgres)) < 5, worker.log()
    finally:
        worker.process.kill()
        worker.process.wait()


def test_the_worker_ends_when_told_to_even_while_postgresql_is_unavailable(
    own_postgres: PostgresProcess, worker: WorkerProcess
) -> None:
    wait_for_success(own_postgres, insert_job(own_postgres))
    own_postgres.crash()
    wait_until(lambda: "PostgreSQL is unavailable" in worker.log(), "warning of the worker", 30)
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(timeout=15)
    own_postgres.start()


def test_a_job_that_no_living_worker_runs_is_taken_up_after_an_outage(
    own_postgres: PostgresProcess, worker: WorkerProcess
) -> None:
    wait_for_success(own_postgres, insert_job(own_postgres))
    # As if the answer that gave this job to the worker had been lost with the connection.
    [[job_id]] = own_postgres.execute(
        "INSERT INTO procrastinate_jobs"
        " (queue_name, task_name, args, priority, abort_requested, status, worker_id) VALUES"
        " ('default', %s, '{\"timestamp\": 0}', 0, false, 'doing',"
        " (SELECT max(id) FROM procrastinate_workers)) RETURNING id",
        JOB,
    )
    own_postgres.crash()
    time.sleep(4)  # longer than the worker waits between two looks for jobs
    own_postgres.start()
    assert wait_for_success(own_postgres, job_id) < 10, worker.log()


def test_the_methods_of_procrastinate_that_the_worker_overrides_are_still_there() -> None:
    assert inspect.iscoroutinefunction(Worker._update_heartbeat)
    parameters = list(inspect.signature(Worker._persist_job_status).parameters)
    assert parameters[:2] == ["self", "job"]
    assert "_running_jobs" in inspect.getsource(Worker.__init__)
    assert "_async_pool" in inspect.getsource(PsycopgConnector)
    assert issubclass(RecoveringWorker, Worker)
