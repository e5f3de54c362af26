"""The Postman collection, whose journey newman runs against a server."""

import json
from pathlib import Path

import pytest

from clients.generate.postman import JOURNEY
from clients.tests.conftest import CLIENTS, MODULES, run_node
from soukloop.realtime.testing.servers import ServerProcess

COLLECTION = CLIENTS / "postman" / "soukloop.postman_collection.json"


@pytest.mark.usefixtures("node_packages")
@pytest.mark.django_db(transaction=True)
def test_the_journey_of_the_collection_runs_against_a_server(server: ServerProcess, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ["--folder", JOURNEY, "--env-var", f"baseUrl={server.url}", "--bail"]
    options += ["--reporters", "cli,json", "--reporter-json-export", str(report)]
    run_node(MODULES / "newman" / "bin" / "newman.js", "run", COLLECTION, *options)
    run = json.loads(report.read_text())["run"]

    (journey,) = [
        folder for folder in json.loads(COLLECTION.read_text())["item"] if folder["name"] == JOURNEY
    ]
    assert run["failures"] == []
    assert run["stats"]["requests"]["total"] == len(journey["item"])
    assert run["stats"]["assertions"] == {"total": 2 * len(journey["item"]), "pending": 0, "failed": 0}
