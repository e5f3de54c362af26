"""What is asked of PostgreSQL at a scrape, and kept for METRICS_CACHED_FOR so that no scraper can load it."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections, transaction
from prometheus_client.core import GaugeMetricFamily, Metric
from psycopg_pool import PoolTimeout

logger = logging.getLogger(__name__)

_STATEMENT_TIMEOUT = "2s"


class DatabaseGauge(NamedTuple):
    """A gauge whose series are the rows of a query: the labels' values, then the gauge's."""

    name: str
    description: str
    labels: tuple[str, ...]
    sql: str


GAUGES: list[DatabaseGauge] = []


def declare_database_gauge(name: str, description: str, sql: str, labels: tuple[str, ...] = ()) -> None:
    """Add a gauge that is read by `sql` at a scrape."""
    declared = DatabaseGauge(name, description, labels, sql)
    if declared not in GAUGES:
        GAUGES.append(declared)


class DatabaseCollector:
    """Answers with the rows that it read last, unless those are old; none while PostgreSQL is unavailable."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._metrics: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        with self._lock:  # the second of two scrapes waits for the first one's answer
            if time.monotonic() - self._read_at >= settings.METRICS_CACHED_FOR.total_seconds():
                self._metrics = self._read()
                self._read_at = time.monotonic()
            return self._metrics

    def _read(self) -> list[Metric]:
        is_up = GaugeMetricFamily("souk_database_up", "Whether PostgreSQL answered at the last scrape.")
        metrics: list[Metric] = [is_up]
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'")
                for gauge in GAUGES:
                    cursor.execute(gauge.sql)
                    metric = GaugeMetricFamily(gauge.name, gauge.description, labels=gauge.labels)
                    for *texts, value in cursor.fetchall():
                        metric.add_metric([str(text) for text in texts], float(value))
                    metrics.append(metric)
        except (DatabaseError, InterfaceError, PoolTimeout) as error:
            logger.warning("reading metrics from PostgreSQL failed: %s", error)
            is_up.add_metric([], 0.0)
            return [is_up]
        finally:
            if not connection.in_atomic_block:
                connections.close_all()
        is_up.add_metric([], 1.0)
        return metrics


database_collector = DatabaseCollector()
