"""Web processes on hosts whose clocks differ judge each other's tokens and times alike."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from livestream.tests.factories import make_live_stream
from soukloop.realtime.testing.servers import ServerProcess

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery staple 42"
SHIFT_CLOCK = """
import datetime
import time_machine
now = datetime.datetime.now(datetime.UTC)
time_machine.travel(now + datetime.timedelta(seconds={seconds})).start()
"""


@pytest.fixture(params=[50, -50])
def servers(
    request: pytest.FixtureRequest, tmp_path: Path, live_server_process: Callable[..., list[ServerProcess]]
) -> list[ServerProcess]:
    """Return a process whose clock is wrong, and one whose clock is the database's."""
    (tmp_path / "sitecustomize.py").write_text(SHIFT_CLOCK.format(seconds=request.param))
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    [wrong] = live_server_process(1, fresh=True, environment={"PYTHONPATH": path})
    [right] = live_server_process()
    return [wrong, right]


def test_tokens_of_either_process_are_accepted_by_the_other(servers: list[ServerProcess]) -> None:
    user = make_user()
    user.set_password(PASSWORD)
    user.save()
    for issuer, other in (servers, reversed(servers)):
        body = {"identifier": user.email, "password": PASSWORD}
        answer = httpx.post(f"{issuer.url}/api/v1/auth/login", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        headers = {"Authorization": f"Bearer {data['access_token']}"}
        me = httpx.get(f"{other.url}/api/v1/auth/me", headers=headers, timeout=30)
        assert me.status_code == 200, me.text
        refreshed = httpx.post(
            f"{other.url}/api/v1/auth/refresh", json={"refresh_token": data["refresh_token"]}, timeout=30
        )
        assert refreshed.status_code == 200, refreshed.text


def test_slow_mode_holds_between_the_two_processes(servers: list[ServerProcess], bare_client: Any) -> None:
    user, stream = make_user(), make_live_stream(slow_mode_seconds=20)
    waits = []
    for server in servers:
        client = bare_client(server, str(access_token_for(user)))
        client.expect("connected")
        assert client.call("stream:join", {"stream_id": str(stream.pk)})["success"]
        ack = client.call("stream:chat", {"stream_id": str(stream.pk), "message": "Hello"})
        waits.append(ack["success"] or ack["error"]["details"]["retry_after"])
    assert waits[0] is True
    assert 10 <= waits[1] <= 21
