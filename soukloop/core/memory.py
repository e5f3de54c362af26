"""Garbage collector settings of a serving process."""

import gc


def tune_gc() -> None:
    """Collect less often, and never scan the objects that were loaded at start.

    By default Python collects every 700 new containers and at times scans all of them: a room of thousands
    holds a million, and each full scan stops the process. It was a quarter of the cost of joining a room.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
