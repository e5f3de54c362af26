"""How often Python looks for cycles of garbage."""

import gc


def tune_gc() -> None:
    """Look for garbage seldom, and not among what was loaded at the start; for a process that serves.

    The default is a look at every 700 new containers and, now and then, at all there are: a room of thousands
    holds a million, and each look stops everybody. It was a quarter of what joining a room cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
