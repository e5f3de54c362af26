"""Fixtures of the tests of payments: a provider in memory, and what is told to upper apps."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from payments import hooks
from payments.tests.memory_provider import MemoryProvider, use_memory_provider


@pytest.fixture
def memory(settings: Any, db: None) -> MemoryProvider:
    """Return an empty provider in memory, through which cards are paid in this test."""
    return use_memory_provider(settings)


@pytest.fixture
def run_calls(run_jobs: Callable[[], list[str]]) -> Callable[[], list[str]]:
    """Return a function that runs all jobs, and returns the names of those that are not about documents."""
    return lambda: [name for name in run_jobs() if "documents" not in name]


@pytest.fixture
def told() -> Iterator[list[tuple[str, str, str]]]:
    """Return what the hooks told of: (row, previous state, state)."""
    changes: list[tuple[str, str, str]] = []

    def note(row: Any, previous: str) -> None:
        changes.append((type(row).__name__.lower(), previous, row.state))

    for name in ("payment", "refund", "chargeback", "payout"):
        getattr(hooks, f"{name}_changed").register(note)
    yield changes
    for name in ("payment", "refund", "chargeback", "payout"):
        getattr(hooks, f"{name}_changed")._callbacks.remove(note)
