"""Waiting for an event instead of sleeping."""

import time
from collections.abc import Callable

PATIENCE = 30.0  # seconds; costs nothing where all is well, and a busy machine is slow


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
    """Wait for a condition to come true and return how many seconds it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - started
