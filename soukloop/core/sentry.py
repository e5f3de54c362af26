"""Sentry's client: it gets where an error happened, and nothing of whose request it was."""

import atexit
import re
from typing import Any

import sentry_sdk
from django.conf import settings
from django.core.signals import got_request_exception

from soukloop import __version__
from soukloop.core.http.requests import request_id
from soukloop.core.logs import redact

_FLUSH_SECONDS = 2.0
# Texts of errors quote values: a row's contents, what somebody typed.
_VALUES = re.compile(
    r"'[^']*'|\"[^\"]*\"|\([^()]*\)=\([^()]*\)"  # quoted, and as PostgreSQL names a key
    r"|[^\s@]+@[^\s@]+"  # addresses of mail
    r"|\+?\d[\d .()-]{6,}\d"  # telephone numbers, IPv4
    r"|(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}"  # IPv6
)
_KEPT = frozenset(
    {
        *("event_id", "timestamp", "platform", "level", "release", "environment", "transaction", "tags"),
        *("exception", "sdk", "contexts", "_meta"),
    }
)


def start(process: str) -> None:
    """Connect to SENTRY_DSN; errors are sent by a thread."""
    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=__version__,
        environment="development" if settings.DEBUG else "production",
        # Each of them adds something that a person sent.
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        before_send=_without_personal_data,
    )
    sentry_sdk.set_tag("process", process)
    got_request_exception.connect(_report_page, dispatch_uid="soukloop.sentry")
    atexit.register(sentry_sdk.flush, _FLUSH_SECONDS)


def report(error: BaseException, tags: dict[str, str]) -> None:
    """Send an error with its traceback."""
    with sentry_sdk.new_scope() as scope:
        for name, value in tags.items():
            scope.set_tag(name, value)
        sentry_sdk.capture_exception(error)


def _report_page(sender: Any, request: Any = None, **others: Any) -> None:
    """Report an error of a page; those of the API never get to Django."""
    with sentry_sdk.new_scope() as scope:
        scope.set_tag("request_id", request_id.get())
        sentry_sdk.capture_exception()


def _without_personal_data(event: Any, hint: Any) -> Any:
    kept = {name: value for name, value in event.items() if name in _KEPT}
    kept["contexts"] = {name: each for name, each in kept.get("contexts", {}).items() if name == "runtime"}
    for exception in kept.get("exception", {}).get("values", ()):
        first_line = str(exception.get("value") or "").partition("\n")[0]
        exception["value"] = _VALUES.sub("[…]", redact(first_line))
        for frame in exception.get("stacktrace", {}).get("frames", ()):
            frame.pop("vars", None)
    return kept
