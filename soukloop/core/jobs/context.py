"""What a job inherits from the request, command or job that caused it: the request's id, and its trace.

It travels as one more argument of the job, which its task never sees.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from procrastinate.jobs import Job

from soukloop.core import tracing
from soukloop.core.error_reports import report_error
from soukloop.core.http.requests import request_id

P = ParamSpec("P")
R = TypeVar("R")

ARGUMENT = "_context"


def inherited_arguments() -> dict[str, Any]:
    """Return the argument for a job that is enqueued now; none where nothing is known of a cause."""
    known = {"request_id": request_id.get(), "traceparent": tracing.traceparent()}
    context = {name: value for name, value in known.items() if value}
    return {ARGUMENT: context} if context else {}


def request_id_of(arguments: Mapping[str, Any]) -> str:
    """Return the id of the request that caused a job; empty for one that runs by itself."""
    return str(arguments.get(ARGUMENT, {}).get("request_id", ""))


def with_context(name: str, function: Callable[P, R]) -> Callable[P, R]:
    """Return the function of a task, as one that takes the argument and runs in what it says."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with _in_context(name, kwargs.pop(ARGUMENT, {})):
                return await function(*args, **kwargs)

        return cast(Callable[P, R], run_async)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with _in_context(name, kwargs.pop(ARGUMENT, {})):
            return function(*args, **kwargs)

    return cast(Callable[P, R], run)


@contextmanager
def _in_context(task: str, context: Mapping[str, str]) -> Iterator[None]:
    token = request_id.set(context.get("request_id") or request_id.get())
    try:
        with tracing.span(f"job {task}", kind="consumer", parent=context.get("traceparent", "")) as span:
            tracing.describe(
                span, **{"souk.request_id": request_id.get(), "messaging.destination.name": task}
            )
            yield
    finally:
        request_id.reset(token)


def begin_job(job: Job) -> None:
    """Let what a worker logs about a job, in the task of its event loop that runs it, have its request's id.

    A job that runs by itself gets an id of its own, which the jobs that it enqueues inherit.
    """
    request_id.set(request_id_of(job.task_kwargs) or f"job-{job.id}")


def report_failed_job(job: Job, error: BaseException) -> None:
    """Report the error for which a job was given up."""
    report_error(error, task=job.task_name)
