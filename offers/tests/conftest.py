"""What the tests of offers share."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import pytest

from offers.models import Offer, OfferEvent, Transaction
from soukloop.realtime.testing import Captured


class Sent(Protocol):
    """Runs a block as if it were committed and gives the events that left: (room, event, data)."""

    def __call__(self) -> AbstractContextManager[Captured]: ...


@pytest.fixture
def sent(captured_events: Captured, django_capture_on_commit_callbacks: Any) -> Sent:
    @contextmanager
    def run() -> Iterator[Captured]:
        captured_events.clear()
        with django_capture_on_commit_callbacks(execute=True):
            yield captured_events

    return run


def snapshot() -> dict[str, Any]:
    """Return every offer, sale and line of history, to show that a refusal changed nothing."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in (Offer, Transaction, OfferEvent)
    }


def history(offer: Offer) -> list[tuple[str, Any, str]]:
    return list(offer.history.values_list("kind", "actor", "reason"))


def names(events: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str]]:
    return [(room, event) for room, event, _ in events if event.startswith(("offer:", "product:"))]
