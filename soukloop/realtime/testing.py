"""Fixtures for tests of whatever speaks over sockets; `conftest.py` at the root makes them known."""

from typing import Any

import pytest

from soukloop.core import jsonlib
from soukloop.realtime.publisher import publisher

Captured = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
def captured_events(monkeypatch: pytest.MonkeyPatch) -> Captured:
    """Collect (room, event, data) instead of publishing.

    What is published on commit appears when the commit does: in a transactional test by itself, otherwise
    within `django_capture_on_commit_callbacks(execute=True)`.
    """
    captured: Captured = []

    def send(room: str, message: dict[str, Any]) -> None:
        if message["type"] == "event":
            captured.append((room, message["event"], jsonlib.loads(message["data"])))
        else:
            captured.append((room, message["type"], {"reason": message["reason"]}))

    monkeypatch.setattr(publisher, "send", send)
    return captured
