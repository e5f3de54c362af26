"""The Python client that openapi-python-client makes of the description, and a whole journey with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from clients.generate.descriptions import rest_description
from clients.tests.conftest import CLIENTS
from soukloop.realtime.testing.servers import ServerProcess


@pytest.mark.django_db(transaction=True)
def test_two_people_go_from_registration_to_deletion_with_a_generated_python_client(
    server: ServerProcess, tmp_path: Path
) -> None:
    description, config = tmp_path / "openapi.json", tmp_path / "config.yml"
    description.write_text(json.dumps(rest_description().document))
    # A part of a video by tus, the PDF of a receipt, and the picture of a hand-over code.
    files = ("application/offset+octet-stream", "application/pdf", "image/svg+xml")
    overrides = dict.fromkeys(files, "application/octet-stream")
    config.write_text(json.dumps({"post_hooks": [], "content_type_overrides": overrides}))
    generator = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(description)]
    options = ["--config", str(config), "--meta", "none", "--output-path", str(tmp_path / "soukloop_api")]
    printed = run([*generator, *options, "--fail-on-warning"])
    assert "Warning" not in printed

    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "REDIS_URL": settings.REDIS_URL}
    printed = run([sys.executable, str(CLIENTS / "journeys" / "journey.py"), server.url], environment)
    assert len(json.loads(printed.splitlines()[-1])["done"]) == 8


def run(argv: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
