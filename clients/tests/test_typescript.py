"""The TypeScript client: its types, its size, its version, and a whole journey with it."""

import json
import os
from pathlib import Path

import pytest
from django.conf import settings

from clients.tests.conftest import CLIENTS, MODULES, run_node
from soukloop import __version__
from soukloop.realtime.testing.servers import ServerProcess

LARGEST = 25_000  # bytes, minified, without socket.io-client


def test_the_package_has_the_version_of_the_api(typescript_client: Path) -> None:
    package = json.loads((typescript_client / "package.json").read_text())
    script = 'import { version } from "@soukloop/client"; console.log(version)'

    assert package["version"] == __version__
    assert run_node("--input-type=module", "--eval", script).strip() == __version__


def test_the_whole_client_stays_small(typescript_client: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.js"
    parts = [typescript_client / "dist" / name for name in ("index.js", "socket.js")]
    both.write_text("\n".join(f'export * from "{part}";' for part in parts))
    options = ["--bundle", "--minify", "--format=esm", "--external:socket.io-client"]
    run_node(MODULES / "esbuild" / "bin" / "esbuild", both, *options, f"--outfile={tmp_path / 'minified.js'}")
    size = (tmp_path / "minified.js").stat().st_size

    assert 5_000 < size <= LARGEST


def test_the_journey_is_typed_strictly(typescript_client: Path) -> None:
    run_node(MODULES / "typescript" / "bin" / "tsc", "--project", CLIENTS / "journeys")


@pytest.mark.django_db(transaction=True)
def test_two_people_go_from_registration_to_deletion_with_the_typescript_client(
    typescript_client: Path, server: ServerProcess
) -> None:
    env = {**os.environ, "REDIS_URL": settings.REDIS_URL}
    printed = run_node(CLIENTS / "journeys" / "journey.ts", server.url, env=env)

    assert len(json.loads(printed.splitlines()[-1])["done"]) == 10


def test_rest_and_rooms_behave_when_the_server_or_the_network_does_not(typescript_client: Path) -> None:
    tests = [str(path) for path in sorted((typescript_client / "tests").glob("*.test.ts"))]

    run_node("--test", *tests)


@pytest.mark.django_db(transaction=True)
def test_a_person_whose_network_was_cut_catches_up(typescript_client: Path, server: ServerProcess) -> None:
    printed = run_node(typescript_client / "tests" / "catch_up.ts", server.url)

    assert sorted(json.loads(printed.splitlines()[-1])["seen"]) == ["1", "2", "3", "4", "5"]
