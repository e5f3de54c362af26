"""The commands of docker-compose.yml, so that `make run` and compose start the same things."""

import importlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.places import ROOT

FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::?-([^}]*))?\})")


def load(path: Path = FILE) -> dict[str, Any]:
    # PyYAML lies in .venv; the first half of a command runs before there is one.
    document: dict[str, Any] = importlib.import_module("yaml").safe_load(path.read_text())
    return document


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Fill in ${NAME} and ${NAME:-default} as compose does; `$$` is a dollar sign."""
    return VARIABLE.sub(lambda match: "$" if match[1] else env.get(match[2]) or match[3] or "", text)


def command(service: str, env: Mapping[str, str], path: Path = FILE) -> list[str]:
    """The words that start a service."""
    declared = load(path)["services"][service]["command"]
    words = shlex.split(declared) if isinstance(declared, str) else [str(word) for word in declared]
    return [interpolate(word, env) for word in words]
