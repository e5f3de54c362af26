"""The Artillery recipe of the contract's load test, with ten viewers, by Artillery's own core."""

import json
from pathlib import Path

import pytest

from clients.tests.conftest import CLIENTS, run_node
from livestream.models import ChatMessage, Stream
from soukloop.realtime.testing.servers import ServerProcess

VIEWERS = 10


@pytest.mark.usefixtures("node_packages")
@pytest.mark.django_db(transaction=True)
def test_the_load_test_of_the_contract_runs_as_a_recipe(server: ServerProcess, tmp_path: Path) -> None:
    viewers, recipe = tmp_path / "viewers.csv", CLIENTS / "artillery"
    prepared = json.loads(run_node(recipe / "prepare.js", server.url, str(VIEWERS), viewers))
    counters = json.loads(run_node(recipe / "run.js", server.url, viewers, "quick").splitlines()[-1])

    assert not [name for name in counters if name.startswith("errors.")]
    assert (counters["vusers.completed"], counters["vusers.failed"]) == (VIEWERS, 0)
    assert counters["socketio.emit"] == VIEWERS * (1 + 5 + 3 + 1)
    assert ChatMessage.objects.filter(stream_id=prepared["streamId"]).count() == VIEWERS * 5
    assert Stream.objects.get(pk=prepared["streamId"]).status == Stream.Status.LIVE
