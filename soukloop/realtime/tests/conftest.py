"""Servers with the probe app, and a user who connects to them."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from soukloop.realtime.testing.servers import ServerProcess

PROBE = {"DJANGO_SETTINGS_MODULE": "soukloop.realtime.tests.settings"}


@pytest.fixture(params=["uvicorn", "daphne"])
def server(request: Any, live_server_process: Callable[..., list[ServerProcess]]) -> ServerProcess:
    """A web process; each test runs once for each supported ASGI server."""
    return live_server_process(server=request.param, environment=PROBE)[0]


@pytest.fixture
def uvicorn(live_server_process: Callable[..., list[ServerProcess]]) -> ServerProcess:
    return live_server_process(environment=PROBE)[0]


@pytest.fixture
def buyer(transactional_db: None) -> User:
    return make_user(username="testbuyer")


@pytest.fixture
def token(buyer: User) -> str:
    return access_token_for(buyer)
