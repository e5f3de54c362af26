"""The TypeScript client: its types, its size, its version, and a whole journey with it."""

import json
import os
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from accounts.tests.factories import PASSWORD, make_user
from clients.generate.typescript import compile_client
from clients.tests.conftest import CLIENTS, MODULES, TYPESCRIPT, run_node
from livestream.tests.factories import make_live_stream
from soukloop import __version__
from soukloop.realtime.testing.node import NPM
from soukloop.realtime.testing.servers import ServerProcess

LARGEST = 25_000  # bytes, minified, without socket.io-client


def test_the_package_has_the_version_of_the_api(typescript_client: Path) -> None:
    package = json.loads((typescript_client / "package.json").read_text())
    script = 'import { version } from "@soukloop/client"; console.log(version)'

    assert package["version"] == __version__
    assert run_node("--input-type=module", "--eval", script).strip() == __version__


def test_the_compiled_client_is_that_of_its_sources(node_packages: None, tmp_path: Path) -> None:
    compile_client(tmp_path / "dist")

    assert files_of(TYPESCRIPT / "dist") == files_of(tmp_path / "dist"), (
        "run `.venv/bin/python -m clients.generate`"
    )


def files_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_package_installs_into_an_empty_folder_without_a_build(
    typescript_client: Path, tmp_path: Path
) -> None:
    clone, page = tmp_path / "clone", tmp_path / "page"
    committed = shutil.ignore_patterns("node_modules")
    shutil.copytree(typescript_client, clone, ignore=committed)
    page.mkdir()
    # The socket's library comes from where it is installed, so that nothing is downloaded.
    library = tmp_path / "socket.io-client"
    library.mkdir()
    (library / "package.json").write_text(
        '{"name": "socket.io-client", "version": "4.8.4", "main": "index.js"}'
    )
    (library / "index.js").write_text("exports.io = () => undefined;")
    script = 'import "@soukloop/client"; import "@soukloop/client/socket"; console.log("imported")'
    options = ["--install-links", "--offline", "--no-audit", "--no-fund"]
    run_node(NPM[1], "install", *options, library, clone, cwd=page)

    assert run_node("--input-type=module", "--eval", script, cwd=page).strip() == "imported"
    assert not (page / "node_modules" / "typescript").exists()


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


@pytest.mark.usefixtures("worker")
@pytest.mark.django_db(transaction=True)
def test_products_are_bought_in_each_way_with_the_typescript_client(
    typescript_client: Path, server: ServerProcess
) -> None:
    env = {**os.environ, "REDIS_URL": settings.REDIS_URL}
    printed = run_node(CLIENTS / "journeys" / "purchases.ts", server.url, env=env)

    assert len(json.loads(printed.splitlines()[-1])["done"]) == 7
    call_command("ledger", "check")


def test_rest_and_rooms_behave_when_the_server_or_the_network_does_not(typescript_client: Path) -> None:
    tests = [str(path) for path in sorted((typescript_client / "tests").glob("*.test.ts"))]

    run_node("--test", *tests)


@pytest.mark.django_db(transaction=True)
def test_a_person_whose_network_was_cut_catches_up(typescript_client: Path, server: ServerProcess) -> None:
    printed = run_node(typescript_client / "tests" / "catch_up.ts", server.url)

    assert sorted(json.loads(printed.splitlines()[-1])["seen"]) == ["1", "2", "3", "4", "5"]


@pytest.mark.django_db(transaction=True)
def test_a_guest_who_logs_in_stays_in_the_room(typescript_client: Path, server: ServerProcess) -> None:
    stream, buyer = make_live_stream(), make_user()
    arguments = [server.url, str(stream.pk), buyer.username, PASSWORD]
    printed = run_node(typescript_client / "tests" / "guest.ts", *arguments)

    assert json.loads(printed.splitlines()[-1])["lines"] == ["Salam", "Still here"]
