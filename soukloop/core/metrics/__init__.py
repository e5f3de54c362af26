"""The metrics that every process keeps, by name; docs/operations.md lists them.

`files` has the values of several processes, `processes` what a process measures of itself, `database` what is
asked of PostgreSQL at a scrape, `page` answers at `/metrics`. An app declares its own in a module `metrics`.
Labels have few values, all of them known when the code is written: never an id, a path or a text of a client.
"""

from pathlib import Path

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import disable_created_metrics

from soukloop.core.metrics.files import MetricFiles

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nothing uses

METRIC_FILES = MetricFiles(Path(settings.METRICS_DIR)) if settings.METRICS_DIR else None
if METRIC_FILES is not None:
    METRIC_FILES.join()

REGISTRY = CollectorRegistry()

# In seconds. Each bucket is a series for each route.
_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SLOW = (0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0)


def counter(name: str, description: str, labels: tuple[str, ...] = ()) -> Counter:
    """Declare a counter; `name` goes without the `_total` that is shown."""
    return Counter(name, description, labels, registry=REGISTRY)


def gauge(name: str, description: str, labels: tuple[str, ...] = (), *, of_all: str = "livesum") -> Gauge:
    """Declare a gauge; `of_all` says how those of living processes make one (`liveall`: they stay apart)."""
    return Gauge(name, description, labels, registry=REGISTRY, multiprocess_mode=of_all)  # type: ignore[arg-type]


def histogram(
    name: str, description: str, labels: tuple[str, ...] = (), *, buckets: tuple[float, ...] = _QUICK
) -> Histogram:
    """Declare a histogram of seconds."""
    return Histogram(name, description, labels, registry=REGISTRY, buckets=buckets)


REQUESTS = counter(
    "souk_http_requests",
    "Requests answered, by method, URL pattern and status.",
    ("method", "route", "status"),
)
REQUEST_SECONDS = histogram(
    "souk_http_request_duration_seconds",
    "Time from a request's arrival until its answer is ready.",
    ("method", "route"),
)

CONNECTIONS_REFUSED = counter(
    "souk_connections_refused", "Connections refused or closed before a request, by error code.", ("code",)
)

JOBS = counter(
    "souk_jobs",
    "Background jobs run, by task and result: succeeded, retried, failed (given up) or aborted.",
    ("task", "result"),
)
JOB_SECONDS = histogram("souk_job_duration_seconds", "How long jobs ran.", ("task",), buckets=_SLOW)
JOB_SUCCEEDED_AT = gauge(
    "souk_job_last_success_timestamp_seconds",
    "Unix time at which a living worker last finished a job of the task without an error.",
    ("task",),
    of_all="livemax",
)

PUSHES = counter(
    "souk_pushes", "Push notifications, by platform and what became of them.", ("platform", "result")
)

PROCESSES = gauge("souk_processes", "Living processes, by kind.", ("process",))
PROCESS_CPU = counter("souk_process_cpu_seconds", "Processor time used, by kind of process.", ("process",))
PROCESS_MEMORY = gauge(
    "souk_process_resident_memory_bytes", "Resident memory of each process.", ("process",), of_all="liveall"
)
PROCESS_FILES = gauge(
    "souk_process_open_files", "Open files of each process.", ("process",), of_all="liveall"
)
DATABASE_CONNECTIONS = gauge(
    "souk_database_pool_connections",
    "Connections to PostgreSQL in the pools of threads and of fast reads: used, idle, and the limit.",
    ("pool", "state"),
)
