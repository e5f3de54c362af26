"""The worker process: Procrastinate's worker, which goes on after PostgreSQL was unavailable.

It overrides undocumented methods of Procrastinate (`Worker._update_heartbeat`, `Worker._persist_job_status`)
and reads `Worker._running_jobs`; the version is pinned, and `test_worker.py` fails if they change.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import psycopg
from procrastinate.app import App
from procrastinate.connector import Notify
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, Status
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker

from soukloop.core.jobs.context import begin_job, report_failed_job
from soukloop.core.jobs.metrics import count_job
from soukloop.core.jobs.retries import RETRY_FAILURES
from soukloop.core.jobs.stalled import queue_stalled_jobs

logger = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_SECONDS = 0.5
_POLL_SECONDS = 2.0  # jobs that were inserted while the worker was not listening
_HEARTBEAT_SECONDS = 10.0
_STOPPING_TIMEOUT = 0.5  # seconds, for a connection

# Gives up an attempt to connect after a second: psycopg_pool's own waits grow to minutes.
_POOL = {"min_size": 1, "max_size": 6, "timeout": 3.0, "reconnect_timeout": 1.0}

_MOVE_JOBS = """
UPDATE procrastinate_jobs SET worker_id = %(worker_id)s
WHERE id = ANY(%(job_ids)s) AND status = 'doing'
"""


class PersistentConnector(PsycopgConnector):
    """Repeat each query until PostgreSQL answers it, unless the worker is stopping."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.outages = 0
        self.is_stopping = False

    def stop(self) -> None:
        """Repeat no query any more, and wait less for a connection, so that the process ends in time."""
        self.is_stopping = True
        if self._async_pool is not None:
            self._async_pool.timeout = _STOPPING_TIMEOUT

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        await self._persist(lambda: PsycopgConnector.execute_query_async(self, query, **arguments))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        return await self._persist(lambda: PsycopgConnector.execute_query_one_async(self, query, **arguments))

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        return await self._persist(lambda: PsycopgConnector.execute_query_all_async(self, query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listen for ever, on a new connection whenever the last was lost."""
        names = list(channels)
        while True:
            try:
                await super().listen_notify(on_notification, names)
            except ConnectorException as error:
                logger.warning("listening for jobs failed: %s", _reason(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        was_lost = False
        while True:
            try:
                result = await attempt()
            except ConnectorException as error:
                if was_lost and isinstance(error.__cause__, psycopg.errors.RaiseException):
                    # "Job was not found or not in doing": the first attempt was committed, its answer lost.
                    return None  # type: ignore[return-value]
                if self.is_stopping or not _is_lost_connection(error):
                    raise
                if not was_lost:
                    logger.warning("PostgreSQL is unavailable; the worker waits: %s", _reason(error))
                was_lost = True
                self.outages += 1
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                if was_lost:
                    logger.warning("PostgreSQL is available again; the worker goes on")
                return result


class RecoveringWorker(Worker):
    """Register again after PostgreSQL was unavailable, and keep the jobs that are running."""

    async def _update_heartbeat(self) -> None:
        connector = self.app.connector
        assert isinstance(connector, PersistentConnector)
        seen, waited = connector.outages, 0.0
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            waited += _RETRY_SECONDS
            if connector.outages != seen:
                seen = connector.outages
                await self._register_again()
            elif waited >= _HEARTBEAT_SECONDS:
                waited = 0.0
                assert self.worker_id is not None
                await self.app.job_manager.update_heartbeat(self.worker_id)

    async def _register_again(self) -> None:
        """Take a new registration, so that every job which this worker doesn't run counts as stalled.

        Another worker may have deleted the old registration during a long outage. And a job may have been
        marked as this worker's although the answer that named it was lost.
        """
        old_id = self.worker_id
        assert old_id is not None
        new_id = await self.app.job_manager.register_worker()
        running = [context.job.id for context in self._running_jobs.values()]
        await self.app.connector.execute_query_async(_MOVE_JOBS, worker_id=new_id, job_ids=running)
        self.worker_id = new_id
        await self.app.job_manager.unregister_worker(old_id)
        await queue_stalled_jobs()

    async def _persist_job_status(self, job: Job, status: Status, *args: Any, **details: Any) -> None:
        try:
            await super()._persist_job_status(job, status, *args, **details)
        except UniqueViolation:
            # The next run of this periodic job is queued already, and does what this one could not.
            await self.app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
        count_job(job, status, **details)


async def run_worker(*, concurrency: int, shutdown_timeout: float) -> None:
    """Run jobs until SIGINT or SIGTERM; start again whatever else ends the worker."""
    connector = PersistentConnector(kwargs=connector_params("default"), **_POOL)
    stopping = asyncio.Event()
    current: list[RecoveringWorker] = []

    def stop() -> None:
        connector.stop()
        stopping.set()
        for worker in current:
            worker.stop()  # type: ignore[no-untyped-call]

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with django_app.replace_connector(connector) as app:
        while not stopping.is_set():
            try:
                async with _opened(app):
                    worker = _new_worker(app, concurrency, shutdown_timeout)
                    current[:] = [worker]
                    await _until_done_or_stopped(worker, stopping)
            except Exception as error:
                logger.log(
                    logging.INFO if stopping.is_set() else logging.ERROR,
                    "the worker ended: %s",
                    _reason(error),
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _RETRY_SECONDS)


@contextlib.asynccontextmanager
async def _opened(app: App) -> Any:
    """Open the pool without waiting for PostgreSQL, which the queries do."""
    connector: Any = app.connector
    pool = await connector._create_pool(connector._pool_args)
    await pool.open(wait=False)
    await app.open_async(pool)
    try:
        yield
    finally:
        await app.close_async()
        connector._async_pool = None
        await pool.close()


def _new_worker(app: App, concurrency: int, shutdown_timeout: float) -> RecoveringWorker:
    app.perform_import_paths()  # type: ignore[no-untyped-call]
    options: Any = {
        **app.worker_defaults,
        "concurrency": concurrency,
        "fetch_job_polling_interval": _POLL_SECONDS,
        "shutdown_graceful_timeout": shutdown_timeout,
        "install_signal_handlers": False,
        "worker_middleware": [_run_in_context],
    }
    return RecoveringWorker(app, **options)


async def _run_in_context(run: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
    """Run a job, whose log lines have its request's id; report the error for which it is given up."""
    begin_job(context.job)
    try:
        return await run()
    except Exception as error:
        if RETRY_FAILURES.get_retry_decision(exception=error, job=context.job) is None:
            report_failed_job(context.job, error)
        raise


async def _until_done_or_stopped(worker: RecoveringWorker, stopping: asyncio.Event) -> None:
    """Run the worker; a stop before it is registered, while PostgreSQL is unavailable, cancels it."""
    running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if worker.worker_id is None and not running.done():
            running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        stopped.cancel()


def _is_lost_connection(error: ConnectorException) -> bool:
    return isinstance(error.__cause__, psycopg.OperationalError | psycopg.InterfaceError)


def _reason(error: BaseException) -> str:
    return str(error.__cause__ or error).strip() or type(error).__name__
