"""The virtual environment: made once, filled again only when the requirements changed."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.local import packages
from deploy.local.console import Step
from deploy.local.places import LOCAL, ROOT, VENV
from deploy.local.tools import run_logged

LOG = LOCAL / "log" / "pip.log"
NPM_LOG = LOCAL / "log" / "npm.log"
STAMP = VENV / ".soukloop.json"
PYTHON = VENV / "bin" / "python"


def ensure(step: Step, *, development: bool) -> None:
    """Bring `.venv` up to the requirements; development tools stay once they are there."""
    installed = _installed()
    base = made_with()
    if {key: installed.get(key) for key in base} != base or not _works():
        step.say("making .venv")
        LOG.unlink(missing_ok=True)
        interpreter = getattr(sys, "_base_executable", None) or sys.executable
        run_logged(
            [interpreter, "-m", "venv", "--clear", str(VENV)], log=LOG, failure="Python could not make .venv."
        )
        installed = base
    wanted = ["requirements.txt", "requirements-dev.txt"] if development else ["requirements.txt"]
    stale = [name for name in wanted if installed.get(name) != _digest(ROOT / name)]
    if stale:
        _install(step, stale)
        installed |= {name: _digest(ROOT / name) for name in stale}
        STAMP.write_text(json.dumps(installed, indent=2))
    step.done(f"{sys.version_info.major}.{sys.version_info.minor}, {'installed' if stale else 'unchanged'}")


def made_with() -> dict[str, str]:
    """Describe what a `.venv` belongs to: a Python's place and its minor version, and this checkout.

    Not its patch release: installing the system's packages may bring a newer one, in the middle of the first
    start, and the environment goes on working.
    """
    major, minor = sys.version_info[:2]
    return {"python": f"{major}.{minor} in {sys.base_prefix}", "root": str(ROOT)}


def ensure_node(step: Step, projects: list[Path]) -> None:
    """Install the JavaScript packages of the clients and servers that we are held against."""
    for project in projects:
        stamp = project / "node_modules" / ".soukloop"
        digest = _digest(project / "package-lock.json")
        if stamp.exists() and stamp.read_text() == digest:
            continue
        step.say(f"installing the packages of {project.relative_to(ROOT)}")
        npm = packages.find_program("npm") or "npm"
        run_logged(
            [npm, "ci", "--prefix", str(project), "--no-audit", "--no-fund", "--ignore-scripts"],
            log=NPM_LOG,
            failure=f"npm could not install the packages of {project.relative_to(ROOT)}.",
        )
        stamp.write_text(digest)
    step.done("unchanged" if not step.doing else "installed")


def _install(step: Step, files: list[str]) -> None:
    count = sum(1 for name in files for line in (ROOT / name).read_text().splitlines() if line[:1].isalnum())
    step.say(f"installing {count} packages")

    def show(line: str) -> None:
        if line.startswith("Collecting "):
            step.say(f"fetching {line.split()[1]}", detail=True)
        elif line.startswith("Installing collected"):
            step.say("unpacking", detail=True)

    arguments = [word for name in files for word in ("-r", name)]
    run_logged(
        [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *arguments],
        log=LOG,
        failure="pip could not install the requirements.",
        env=os.environ | {"PIP_PROGRESS_BAR": "off"},
        on_line=show,
    )


def _installed() -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return known


def _works() -> bool:
    try:
        return subprocess.run([PYTHON, "-c", "import pip"], capture_output=True).returncode == 0
    except OSError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
