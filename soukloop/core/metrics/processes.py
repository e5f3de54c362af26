"""What a process measures of itself every few seconds: its processor time, memory, files and connections."""

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, Protocol, cast

from django.conf import settings
from django.db import connection

from soukloop.core.hooks import Hook
from soukloop.core.metrics import (
    DATABASE_CONNECTIONS,
    PROCESS_CPU,
    PROCESS_FILES,
    PROCESS_MEMORY,
    PROCESSES,
)

logger = logging.getLogger(__name__)

sampling: Hook[[], None] = Hook()
"""`callback()`: set the gauges of what would cost too much to count as it happens. Called in any thread."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class CountedPool(Protocol):
    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of connections that are used, that are idle, and that may be open."""


class ProcessSampler:
    """Samples in a thread of its own, and whenever somebody is about to read."""

    def __init__(self) -> None:
        self.kind = ""
        self._lock = threading.Lock()
        self._counted_cpu = 0.0
        self._thread: threading.Thread | None = None

    def start(self, kind: str) -> None:
        """Begin to sample this process, which is of this kind: web, worker, packager, pusher."""
        self.kind = kind
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
            self._thread.start()

    def sample(self) -> None:
        """Measure now."""
        with self._lock:
            if self.kind:
                self._sample_process()
            sampling.call_robust()

    def _run(self) -> None:
        while True:
            try:
                self.sample()
            except Exception:
                logger.exception("measuring this process failed")
            time.sleep(settings.METRICS_SAMPLED_EVERY.total_seconds())

    def _sample_process(self) -> None:
        times = os.times()
        used = times.user + times.system
        PROCESSES.labels(self.kind).set(1)
        PROCESS_CPU.labels(self.kind).inc(max(0.0, used - self._counted_cpu))
        self._counted_cpu = used
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
        PROCESS_MEMORY.labels(self.kind).set(resident)
        PROCESS_FILES.labels(self.kind).set(len(os.listdir("/proc/self/fd")))
        pool = cast(Any, connection).pool
        if pool is not None:
            count_connections("threads", pool)


def count_connections(name: str, pool: CountedPool) -> None:
    """Set the gauges of a pool's connections."""
    used, idle, limit = pool.counts()
    for state, count in (("used", used), ("idle", idle), ("limit", limit)):
        DATABASE_CONNECTIONS.labels(name, state).set(count)


process_sampler = ProcessSampler()
