"""Fixtures of the tests of payments: a provider in memory, and what is told to upper apps."""

from collections.abc import Iterator
from typing import Any

import pytest

from payments import hooks
from payments.tests.memory_provider import MemoryProvider, use_memory_provider


@pytest.fixture
def memory(settings: Any, db: None) -> MemoryProvider:
    """Return an empty provider in memory, through which cards are paid in this test."""
    return use_memory_provider(settings)


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
