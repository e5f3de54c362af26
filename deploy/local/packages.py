"""The system packages that are needed: which are missing, and how they are installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local import console
from deploy.local.console import CannotGoOn, Step
from deploy.local.interruptions import interruptions
from deploy.local.places import LOCAL, ROOT, is_root
from deploy.local.tools import refusal

INSTALLER = Path(__file__).with_name("install-packages.sh")
LOG = LOCAL / "log" / "packages.log"
SERVER_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


@dataclass(frozen=True)
class Need:
    """Something the machine must have, in a person's words and in Debian's."""

    what: str
    is_there: bool
    packages: tuple[str, ...]


def find_program(name: str) -> str | None:
    """Find a program, also where an ordinary user's PATH does not look."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SERVER_DIRECTORIES]))


def postgres_versions() -> dict[int, Path]:
    """The installed PostgreSQL servers that have PostGIS: major version to directory of programs."""
    return {
        int(control.parts[-3]): Path("/usr/lib/postgresql") / control.parts[-3] / "bin"
        for control in Path("/usr/share/postgresql").glob("[0-9]*/extension/postgis.control")
        if (Path("/usr/lib/postgresql") / control.parts[-3] / "bin" / "postgres").exists()
    }


def needs(*, postgres: bool = True, redis: bool = True, scripts: str = "") -> list[Need]:
    """List what a command needs; a server that runs elsewhere is not needed here."""
    listed = [
        Need(
            "Python's venv", importlib.util.find_spec("ensurepip") is not None, (f"python3.{_minor()}-venv",)
        ),
        Need("certificates", Path("/etc/ssl/certs/ca-certificates.crt").exists(), ("ca-certificates",)),
        Need("GDAL", any(Path("/usr/lib").glob("*/libgdal.so.*")), ("gdal-bin",)),
        Need("nginx", find_program("nginx") is not None, ("nginx",)),
        Need(
            "nginx's RTMP module",
            Path("/usr/lib/nginx/modules/ngx_rtmp_module.so").exists(),
            ("libnginx-mod-rtmp",),
        ),
        Need("ffmpeg", bool(find_program("ffmpeg") and find_program("ffprobe")), ("ffmpeg",)),
    ]
    if postgres:
        packages = ("postgresql", "postgresql-postgis")
        listed.append(Need("PostgreSQL with PostGIS", bool(postgres_versions()), packages))
    if redis:
        listed.append(Need("Redis", find_program("redis-server") is not None, ("redis-server",)))
    if scripts and node_projects(scripts):
        listed += [
            Need("Node.js", find_program("node") is not None, ("nodejs",)),
            Need("npm", find_program("npm") is not None, ("npm",)),
        ]
    if scripts == "tests" and "playwright" in (ROOT / "requirements-dev.txt").read_text():
        listed.append(Need("Chromium", find_program("chromium") is not None, ("chromium",)))
    return listed


def node_projects(scripts: str) -> list[Path]:
    """Find the JavaScript projects below directories of a name: `tests` have clients, `bench` has peers."""
    found = []
    for directory, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name != "node_modules" and not name.startswith(".")]
        if "package-lock.json" in files and scripts in Path(directory).parts:
            found.append(Path(directory))
    return sorted(found)


def ensure(step: Step, *, postgres: bool = True, redis: bool = True, scripts: str = "") -> None:
    """Install what is missing, without starting anything and without touching what is there."""
    missing = [need for need in needs(postgres=postgres, redis=redis, scripts=scripts) if not need.is_there]
    if not missing:
        step.done("all there")
        return
    names = [package for need in missing for package in need.packages]
    command = f"apt-get update && apt-get install {' '.join(names)}"
    if find_program("apt-get") is None:
        raise CannotGoOn(
            f"This machine has no apt-get, and it lacks {_listing(missing)}: install that, then start again."
        )
    if not is_root() and find_program("sudo") is None:
        raise CannotGoOn(f"This machine lacks {_listing(missing)}, and has no sudo: as root, `{command}`.")
    step.say(f"installing {_listing(missing)}")
    if not is_root():
        step.hush()
    _install(names, command)
    left = [need for need in needs(postgres=postgres, redis=redis, scripts=scripts) if not need.is_there]
    if left:
        raise CannotGoOn(f"{_listing(left)} did not come with the packages {' '.join(names)}.", log=LOG)
    step.done(f"installed {len(names)} packages and what they need")


def _install(names: list[str], command: str) -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    argv = ["/bin/sh", str(INSTALLER), *names]
    if not is_root():
        # Without a terminal sudo cannot ask for a password, and must not wait for one.
        argv = ["sudo", *([] if sys.stdin.isatty() else ["-n"]), *argv]
    stdin = None if sys.stdin.isatty() else subprocess.DEVNULL
    # An installation is not torn in two: Ctrl-C reaches apt-get itself, and we wait for it to tidy up.
    with LOG.open("w") as log, interruptions.held():
        done = subprocess.run(argv, stdin=stdin, stdout=log, stderr=log)
    if done.returncode:
        text = "\n".join(console.last_lines(LOG, 40))
        if "sudo:" in text:
            raise CannotGoOn(f"sudo did not let us install what is missing: as root, `{command}`.", log=LOG)
        if "Unable to locate package" in text or "has no installation candidate" in text:
            raise CannotGoOn(f"apt-get knows no such packages, or reached no server: `{command}`.", log=LOG)
        raise refusal(f"apt-get could not install what is missing: `{command}`.", LOG)


def _listing(items: list[Need]) -> str:
    words = [item.what for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _minor() -> int:
    return sys.version_info.minor
