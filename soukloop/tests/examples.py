"""How many examples a property test tries: ten times as many with `--hypothesis-profile=full`."""

from hypothesis import settings

TIMES_IN_FULL = 10


def examples(count: int) -> int:
    """Return how many examples to try in the profile of this run, where an ordinary run tries `count`."""
    return count * TIMES_IN_FULL if settings.get_current_profile_name() == "full" else count
