"""Metrics, traces and reports of errors; each is off until it is configured."""

import sys
from datetime import timedelta

from soukloop.settings.base import DEBUG
from soukloop.settings.environment import env, secret

# Who may read /metrics: with this bearer token, or from these addresses and networks; with neither, nobody.
METRICS_TOKEN = secret("METRICS_TOKEN")
_for_developers = ["127.0.0.0/8", "::1"] if DEBUG and not METRICS_TOKEN else []
METRICS_ADDRESSES = env.list("METRICS_ADDRESSES", default=_for_developers)
# Where the processes of one machine keep their values, on a tmpfs. Empty: /metrics has one web process's.
METRICS_DIR = env.str("METRICS_DIR", default="")
METRICS_SAMPLED_EVERY = timedelta(seconds=5)  # what a process measures of itself
METRICS_CACHED_FOR = timedelta(seconds=5)  # what PostgreSQL is asked at a scrape

# For example http://collector:4318. Empty: no traces.
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
if not OTEL_EXPORTER_OTLP_ENDPOINT:
    # redis-py imports the SDK of metrics wherever that is installed, for nothing; None makes the import fail.
    sys.modules.setdefault("opentelemetry", None)  # type: ignore[arg-type]

# Empty: errors are only logged.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
