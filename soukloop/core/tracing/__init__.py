"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set; nothing of it is imported otherwise.

One trace has a request or a command, what it asked of PostgreSQL, and the jobs that it enqueued.
"""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from django.conf import settings

_spans: Any = None
_NO_SPAN: AbstractContextManager[Any] = nullcontext()


def start(process: str) -> None:
    """Begin to trace this process, which is of this kind: web, worker, packager, pusher."""
    global _spans
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT and _spans is None:
        module = import_module("soukloop.core.tracing.spans")
        module.start(process)
        _spans = module


def span(name: str, *, kind: str = "internal", parent: str = "") -> AbstractContextManager[Any]:
    """Return a context with a span, which is None while nothing is traced.

    `kind` is internal, server or consumer; `parent` is a `traceparent` of W3C Trace Context.
    """
    if _spans is None:
        return _NO_SPAN
    traced: AbstractContextManager[Any] = _spans.span(name, kind, parent)
    return traced


def describe(span: Any, name: str = "", **attributes: Any) -> None:
    """Set attributes of a span, and its name if that is known only now."""
    if span is not None:
        if name:
            span.update_name(name)
        span.set_attributes(attributes)


def traceparent() -> str:
    """Return the current span as a `traceparent`; empty while nothing is traced."""
    return "" if _spans is None else str(_spans.traceparent())
