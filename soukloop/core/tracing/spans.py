"""OpenTelemetry's SDK: a tracer that sends to OTEL_EXPORTER_OTLP_ENDPOINT by OTLP over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from soukloop import __version__

_EXPORT_SECONDS = 5  # for one batch, while the process ends too
_KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER}
_propagator = TraceContextTextMapPropagator()
_tracer = trace.NoOpTracer()


def start(process: str) -> None:
    """Make the tracer; the SDK's own environment variables choose what is sampled, for example."""
    global _tracer
    resource = Resource.create({"service.name": f"soukloop-{process}", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    endpoint = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces"
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS))
    )
    _tracer = provider.get_tracer("soukloop", __version__)  # type: ignore[assignment]
    connection_created.connect(_trace_statements, dispatch_uid="soukloop.tracing")


@contextmanager
def span(name: str, kind: str, parent: str) -> Iterator[Any]:
    """Make a span the current one; of an exception that leaves it, it has the class alone."""
    context = _propagator.extract({"traceparent": parent}) if parent else None
    with _tracer.start_as_current_span(
        name, context=context, kind=_KINDS[kind], record_exception=False, set_status_on_exception=False
    ) as started:
        try:
            yield started
        except BaseException as error:
            started.set_attribute("error.type", type(error).__name__)
            started.set_status(trace.StatusCode.ERROR)
            raise


def traceparent() -> str:
    """Return the current span as W3C Trace Context has it."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")


def _trace_statements(connection: Any, **others: Any) -> None:
    if _trace_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_trace_statement)


def _trace_statement(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Trace a statement of a request, command or job: its text without the values."""
    if not trace.get_current_span().is_recording():
        return execute(sql, params, many, context)
    words = str(sql).split(None, 1)
    with span(words[0].upper() if words else "SQL", "internal", "") as started:
        started.set_attributes({"db.system.name": "postgresql", "db.query.text": str(sql)})
        return execute(sql, params, many, context)
