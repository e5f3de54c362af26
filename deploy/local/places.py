"""Where things lie: the checkout, an instance's files, and the way out when a server's user cannot get in."""

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy.local.console import CannotGoOn

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
VENV = ROOT / ".venv"
# A checkout in a directory that only root may enter keeps its servers' data here.
SHELTER = Path("/var/tmp") / f"soukloop-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]}"  # noqa: S108

POSTGRES_USER = "postgres"
REDIS_USER = "redis"
NGINX_USER = "www-data"


def is_root() -> bool:
    return os.geteuid() == 0


def server_user(name: str) -> str | None:
    """The system user that a server is to run as, or None: the one who runs this."""
    if not is_root():
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        raise CannotGoOn(f"No server runs as root, and there is no system user “{name}” for it.") from None


def may_enter(directory: Path, user: str) -> bool:
    """Whether a system user can reach a directory through all of its parents."""
    probe = subprocess.run(["test", "-x", directory], user=user, group=user, extra_groups=[], check=False)
    return probe.returncode == 0


def make_shelter() -> Path:
    """Make the directory outside the checkout, and refuse one that somebody else prepared."""
    SHELTER.mkdir(mode=0o755, exist_ok=True)
    seen = SHELTER.lstat()
    if seen.st_uid != os.geteuid() or SHELTER.is_symlink() or seen.st_mode & 0o022:
        raise CannotGoOn(f"{SHELTER} is not ours to write to: remove it, then start again.")
    return SHELTER


@dataclass(frozen=True)
class Instance:
    """One set of servers with their own data and ports: `run`, `test`, `bench`, or a developer's own."""

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", self.name) or self.name == "log":
            raise CannotGoOn(f"“{self.name}” is no name for an instance: letters, digits and dashes, please.")

    @property
    def directory(self) -> Path:
        return LOCAL / self.name

    @property
    def records(self) -> Path:
        return self.directory / "pids"

    @property
    def env_file(self) -> Path:
        return LOCAL / "env" if self.name == "run" else self.directory / "env"

    @property
    def logs(self) -> Path:
        return LOCAL / "log" / self.name

    @cached_property
    def data(self) -> Path:
        """Where its servers keep their files: in the checkout wherever their users can get there."""
        if is_root() and not all(may_enter(self.directory, user) for user in (POSTGRES_USER, NGINX_USER)):
            return make_shelter() / self.name
        return self.directory

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        for directory in (self.directory, self.records, self.logs):
            directory.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(exist_ok=True)

    def forget_logs(self) -> None:
        """Begin the logs afresh: each start has its own story."""
        for path in self.logs.glob("*.log"):
            path.unlink()

    def secret(self, name: str) -> str:
        """A random value that stays the same as long as the instance's data do."""
        path = self.directory / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(48)
            write_private(path, json.dumps(known, indent=2))
        return known[name]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


@contextlib.contextmanager
def locked(path: Path, *, wait: float) -> Iterator[bool]:
    """Hold a lock file; yields whether it was had in time. It is let go of even when we are killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        yield _acquire(file.fileno(), time.monotonic() + wait)


def _acquire(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        else:
            return True


def require_space(megabytes: int) -> None:
    """Stop before a full disk stops us half-way."""
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if free < megabytes:
        raise CannotGoOn(f"The disk under {ROOT} is full: {free} MB are left, and {megabytes} MB are needed.")
