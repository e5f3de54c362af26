"""The tier of each test: see docs/testing.md."""

import pytest
from django.test import TransactionTestCase

# From the slowest to the quickest, which is the order they run in: the end of a run is then evenly shared.
TIERS = ("media", "faults", "sockets", "api", "unit")
QUICK = {"api", "unit"}
FIXTURES = {  # the tier of a test that uses such a fixture; the first that fits
    "media_process": "media",
    "own_redis": "faults",
    "own_postgres": "faults",
    "instance": "faults",
    "live_server_process": "sockets",
    "db": "api",
    "transactional_db": "api",
}


def arrange(items: list[pytest.Item]) -> None:
    """Mark each test with its tier and order the tests by it."""
    tiers = {item: tier_of(item) for item in items}
    for item, tier in tiers.items():
        item.add_marker(tier)
        if tier in QUICK:
            item.add_marker("quick")
    items.sort(key=lambda item: TIERS.index(tiers[item]))


def tier_of(item: pytest.Item) -> str:
    """Return the tier that a test names with a marker, or else the one that its fixtures imply."""
    named = {mark.name for mark in item.iter_markers()} & set(TIERS)
    if len(named) > 1:
        raise pytest.UsageError(f"{item.nodeid} has more than one tier: {', '.join(sorted(named))}")
    if named:
        return named.pop()
    for fixture, tier in FIXTURES.items():
        if fixture in getattr(item, "fixturenames", ()):
            return tier
    return "api" if _is_marked_for_the_database(item) else "unit"


def _is_marked_for_the_database(item: pytest.Item) -> bool:
    case = getattr(item, "cls", None)
    return item.get_closest_marker("django_db") is not None or (
        case is not None and issubclass(case, TransactionTestCase)
    )
