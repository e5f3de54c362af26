"""Fixtures and functions that the tests of offers share."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import pytest

from offers.models import Offer, OfferEvent, Transaction
from soukloop.realtime.testing import Captured


class CommitAndCapture(Protocol):
    """Runs the on-commit callbacks of a block and yields the published events: (room, event, data)."""

    def __call__(self) -> AbstractContextManager[Captured]: ...


@pytest.fixture
def commit_and_capture(
    captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> CommitAndCapture:
    @contextmanager
    def run() -> Iterator[Captured]:
        captured_events.clear()
        with django_capture_on_commit_callbacks(execute=True):
            yield captured_events

    return run


def all_rows() -> dict[str, Any]:
    """Return all rows of offers, sales and their history, to prove that a refusal changed nothing."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in (Offer, Transaction, OfferEvent)
    }


def history(offer: Offer) -> list[tuple[str, Any, str]]:
    """Return the offer's history as (kind, actor id, reason)."""
    return list(offer.history.values_list("kind", "actor", "reason"))


def offer_events(events: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Return (room, event) of the events about offers and products."""
    return [(room, event) for room, event, _ in events if event.startswith(("offer:", "product:"))]
