"""The fixture that opens socket connections on both transports, loaded by the root `conftest.py`."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from accounts.tokens import access_token_for
from soukloop.realtime.testing import ServerFactory


@pytest.fixture(params=["socket.io", "bare"])
def connect(request: pytest.FixtureRequest, live_server_process: ServerFactory) -> Callable[..., Any]:
    """Return `connect(user, server=…)`, on either transport."""
    open_client = request.getfixturevalue("sio_client" if request.param == "socket.io" else "bare_client")

    def connected(user: User, server: Any = None, **options: Any) -> Any:
        if request.param == "socket.io":
            options.setdefault("transports", ["websocket"])
        client = open_client(server or live_server_process()[0], str(access_token_for(user)), **options)
        client.expect("connected")
        return client

    return connected
