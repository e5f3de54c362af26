"""The virtual environment and the JavaScript packages: installed again only when their lists changed."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from deploy.local import packages
from deploy.local.console import Step
from deploy.local.places import LOCAL, ROOT, VENV
from deploy.local.tools import run_logged

LOG = LOCAL / "log" / "python.log"
NPM_LOG = LOCAL / "log" / "npm.log"
STAMP = VENV / ".soukloop.json"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
# pip's settings for its registry, and the variables by which uv takes them: it reads none of pip's files.
UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_OFFLINE",  # where there is no index, packages lie in the directories of find-links
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}


def ensure(step: Step, *, development: bool) -> None:
    """Bring `.venv` up to the requirements; development tools stay once they are there."""
    installed = _installed()
    base = made_with()
    if {key: installed.get(key) for key in base} != base or not _works():
        step.say("making .venv")
        LOG.unlink(missing_ok=True)
        if VENV.is_symlink():
            VENV.unlink()  # what it points at is another checkout's, and is not to be emptied
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


def uv(*arguments: str, failure: str) -> None:
    """Run uv with the registry that pip is configured with; what the person set for uv itself wins."""
    listed = run_logged([str(PYTHON), "-m", "pip", "config", "list"], log=LOG, failure="pip does not start.")
    env = {"UV_NO_PROGRESS": "1", **uv_settings(listed), **os.environ}
    run_logged([str(UV), *arguments], log=LOG, failure=failure, env=env)


def uv_settings(pip_config: str) -> dict[str, str]:
    """Translate what `pip config list` printed, its environment before its files, into uv's variables."""
    # As pip does, uv is to take the best version of all indexes, and to trust the system's certificates.
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "1"}
    for scope in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{scope}\.([\w-]+)=(.+)$", pip_config, re.MULTILINE):
            if variable := UV_SETTINGS.get(name):
                words = str(ast.literal_eval(value)).split()
                settings[variable] = ("," if name == "find-links" else " ").join(words)
    return settings


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
    (pinned,) = re.findall(r"^uv==\S+", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    step.say(f"installing {pinned}")
    pip = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", pinned]
    run_logged(pip, log=LOG, failure=f"pip could not install {pinned}.")
    count = sum(1 for name in files for line in (ROOT / name).read_text().splitlines() if line[:1].isalnum())
    step.say(f"installing {count} packages")
    arguments = [word for name in files for word in ("-r", name)]
    uv(
        "pip",
        "install",
        "--python",
        str(PYTHON),
        *arguments,
        failure="uv could not install the requirements.",
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
