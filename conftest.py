"""What every test needs: a clean Redis, no network outside loopback."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from soukloop.core.redis import redis_client

pytest_plugins = ["soukloop.realtime.testing"]


@pytest.fixture(autouse=True)
def clean_redis() -> None:
    """Start each test with an empty Redis."""
    redis_client().flushdb()


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse connections to anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            raise RuntimeError(f"A test wanted to connect to {address}")
        return connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()
