"""What each process of the application starts with: metrics, traces and reports of errors."""

from soukloop.core import error_reports, tracing
from soukloop.core.metrics.processes import process_sampler


def start(process: str) -> None:
    """Begin to observe this process, which is of this kind: web, worker, packager, pusher."""
    process_sampler.start(process)
    tracing.start(process)
    error_reports.start(process)
