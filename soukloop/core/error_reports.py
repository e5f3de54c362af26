"""Reports of unexpected errors to Sentry, where SENTRY_DSN is set; nothing of it is imported otherwise."""

from importlib import import_module
from typing import Any

from django.conf import settings

from soukloop.core.http.requests import request_id

_sentry: Any = None


def start(process: str) -> None:
    """Begin to report the errors of this process, which is of this kind: web, worker, packager, pusher."""
    global _sentry
    if settings.SENTRY_DSN and _sentry is None:
        module = import_module("soukloop.core.sentry")
        module.start(process)
        _sentry = module


def report_error(error: BaseException, **tags: str) -> None:
    """Report an error that is a bug, or for which a job was given up, with the request's id. Never waits.

    Tags are names of ours (of a task, a command), never what a client sent.
    """
    if _sentry is not None:
        _sentry.report(error, {"request_id": request_id.get(), **tags})
