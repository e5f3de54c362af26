"""The number of examples of property tests: ten times as many with `--hypothesis-profile=full`."""

from hypothesis import settings

TIMES_IN_FULL = 10


def examples(count: int) -> int:
    """Return the number of examples in the current profile: `count`, or ten times as many in `full`."""
    return count * TIMES_IN_FULL if settings.get_current_profile_name() == "full" else count
