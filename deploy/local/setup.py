"""What every command needs first: system packages, `.venv`, and then to go on inside it."""

import os
import sys
from collections.abc import Mapping

from deploy.local import packages, venv
from deploy.local.console import Step, title
from deploy.local.places import LOCAL, VENV, locked, require_space

# Set for the second half of a command, which runs with the Python of `.venv`.
READY = "SOUKLOOP_SETUP_DONE"
FIRST_TIME_MB = 800
LATER_MB = 100


def ensure(
    heading: str, argv: list[str], *, named: Mapping[str, str], development: bool, scripts: str = ""
) -> None:
    """Set up what is missing, then start the same command again inside `.venv`; returns once there."""
    if os.environ.pop(READY, None):
        return
    title(heading)
    require_space(LATER_MB if VENV.exists() else FIRST_TIME_MB)
    LOCAL.mkdir(exist_ok=True)
    with locked(LOCAL / "setup.lock", wait=900):
        with Step("packages") as step:
            packages.ensure(
                step, postgres="DATABASE_URL" not in named, redis="REDIS_URL" not in named, scripts=scripts
            )
        with Step("python") as step:
            venv.ensure(step, development=development)
        if scripts and (projects := packages.node_projects(scripts)):
            with Step("node") as step:
                venv.ensure_node(step, projects)
    sys.stdout.flush()
    command = [str(venv.PYTHON), "-m", "deploy.local", *argv]
    os.execve(venv.PYTHON, command, {**os.environ, READY: "1"})  # noqa: S606 - no shell is meant
