"""Waiting for an event instead of sleeping."""

import time
from collections.abc import Callable

DEFAULT_TIMEOUT = 30.0  # seconds; only a failing test waits this long, and a busy machine is slow


def wait_until(condition: Callable[[], object], what: str, seconds: float = DEFAULT_TIMEOUT) -> float:
    """Wait until a condition is true; return how many seconds it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - started
