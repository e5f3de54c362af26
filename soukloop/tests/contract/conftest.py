"""Fixtures of the contract's tests: a server, and an app for each user."""

from collections.abc import Callable, Iterator

import pytest

from soukloop.realtime.testing.servers import ServerProcess
from soukloop.tests.contract.people import BUYER, SELLER, App


@pytest.fixture
def server(live_server_process: Callable[..., list[ServerProcess]]) -> ServerProcess:
    return live_server_process()[0]


@pytest.fixture
def visitor(server: ServerProcess) -> Iterator[App]:
    app = App(server.url)
    yield app
    app.http.close()


@pytest.fixture
def buyer(server: ServerProcess) -> Iterator[App]:
    app = App(server.url)
    app.register(BUYER)
    yield app
    app.http.close()


@pytest.fixture
def seller(server: ServerProcess) -> Iterator[App]:
    app = App(server.url)
    app.register(SELLER)
    yield app
    app.http.close()
