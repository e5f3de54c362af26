"""Measurements taken in turn, round after round, and their statistics."""

import statistics
from collections.abc import Callable, Mapping

Rounds = list[list[float]]  # for each round the seconds that each request took


def take_turns(runs: Mapping[str, Callable[[], list[float]]], rounds: int) -> dict[str, Rounds]:
    """Run all in turn, once a round, so that whatever slows the machine slows all of them."""
    times: dict[str, Rounds] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(run())
    return times


def percentile(rounds: Rounds, part: float) -> float:
    """Return milliseconds, over the requests of all rounds."""
    ordered = sorted(value for values in rounds for value in values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000


def p50_ratio(mine: Rounds, theirs: Rounds) -> float:
    """Return the median, over the rounds, of the ratio of the two medians."""
    pairs = zip(mine, theirs, strict=True)
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)


def rate(rounds: Rounds, seconds: float) -> float:
    """Return requests a second, the median of the rounds."""
    return statistics.median(len(values) / seconds for values in rounds)


def rate_ratio(mine: Rounds, theirs: Rounds) -> float:
    """Return the median, over the rounds, of the ratio of requests a second."""
    return statistics.median(len(a) / len(b) for a, b in zip(mine, theirs, strict=True))
