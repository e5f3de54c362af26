"""Counting what became of pushes."""

from soukloop.core.metrics import PUSHES


def count_push(platform: str, result: str) -> None:
    """Count one push: sent, refused, unregistered, expired, suppressed, lost, or busy: to be tried again."""
    PUSHES.labels(platform, result).inc()
