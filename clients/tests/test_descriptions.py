"""The API's descriptions, as the tools of app teams read them."""

import json
import os
from pathlib import Path

import pytest

from clients.generate.descriptions import rest_description, socket_description
from clients.tests.conftest import CLIENTS, MODULES, run_node

pytestmark = pytest.mark.usefixtures("node_packages")


def test_redocly_has_no_warning_about_the_rest_description(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(rest_description().document))
    quiet = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    options = ["--config", str(CLIENTS / "redocly.yaml"), "--format", "json"]
    printed = run_node(MODULES / "@redocly" / "cli" / "bin" / "cli.js", "lint", path, *options, env=quiet)

    assert json.loads(printed[printed.index("{") :])["problems"] == []


def test_asyncapi_parser_has_no_complaint_about_the_description_of_sockets(tmp_path: Path) -> None:
    path = tmp_path / "asyncapi.json"
    path.write_text(json.dumps(socket_description().document))
    script = """
        import fs from "node:fs";
        import { Parser } from "@asyncapi/parser";
        const { document, diagnostics } = await new Parser().parse(fs.readFileSync(process.argv[1], "utf8"));
        const complaints = diagnostics.filter(({ code }) => code !== "asyncapi-latest-version");
        console.log(JSON.stringify({ isRead: document !== undefined, complaints }));
    """
    printed = run_node("--input-type=module", "--eval", script, path)

    assert json.loads(printed) == {"isRead": True, "complaints": []}
