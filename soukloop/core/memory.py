"""Garbage collector settings of a serving process."""

import gc


def tune_gc() -> None:
    """Collect garbage less often, and never scan the objects that were loaded at start.

    By default Python collects after every 700 new containers, and from time to time scans all of them. A room
    with thousands of members has a million, and each full scan stops the process: joining such a room spent
    a quarter of its time on it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
