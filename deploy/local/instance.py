"""An instance: its directories, users, secrets and ports. `run`, `test` and `bench` each have their own."""

import hashlib
import os
import secrets
import shutil
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.console import SetupError

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
VENV = ROOT / ".venv"
# Where the servers of a checkout that only root may enter keep their data. Only root can write beside it.
FALLBACK_DATA_DIR = Path("/var/lib") / f"soukloop-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Instance:
    """One set of servers with their own data and ports."""

    name: str

    @property
    def directory(self) -> Path:
        return LOCAL / self.name

    @property
    def lock(self) -> Path:
        """The file that the launcher locks, with its process id."""
        return self.directory / "lock"

    @property
    def env_file(self) -> Path:
        return LOCAL / "env" if self.name == "run" else self.directory / "env"

    @property
    def data(self) -> Path:
        """Where its servers keep their files: in the checkout, unless only root may enter that."""
        is_open = all(path.stat().st_mode & 0o001 for path in (ROOT, *ROOT.parents))
        return self.directory if is_open or os.geteuid() != 0 else FALLBACK_DATA_DIR / self.name

    def log(self, name: str) -> Path:
        return LOCAL / "log" / self.name / f"{name}.log"

    def prepare(self) -> None:
        """Make the directories, and begin the logs afresh."""
        shutil.rmtree(self.log("").parent, ignore_errors=True)
        for directory in (self.directory, self.log("").parent, self.data):
            directory.mkdir(parents=True, exist_ok=True)

    def secret(self, name: str) -> str:
        """Make a random value that stays the same as long as the instance's directory does."""
        path = self.directory / "secret"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return hashlib.sha512(f"{path.read_text()} {name}".encode()).hexdigest()[:64]

    def private_port(self, purpose: str) -> int:
        """Find a loopback port, the same for a checkout at each start unless it is taken."""
        first = zlib.crc32(f"{ROOT}:{self.name}:{purpose}".encode())
        # Below the range that the kernel hands out to outgoing connections.
        ports = (20_000 + (first + offset) % 10_000 for offset in range(10_000))
        return next(port for port in ports if not why_not_listen(port, "127.0.0.1"))


def server_user(name: str) -> str:
    """Name the system user that a server is to run as; empty for the person who runs this."""
    return name if os.geteuid() == 0 else ""


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def why_not_listen(port: int, host: str = "") -> str:
    """Say why a server could not listen on a port; empty when it could."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return os.strerror(error.errno or 0)
    return ""


def public_port(variable: str, person: Mapping[str, str], default: int) -> int:
    """Take the port that a person asked for, or the usual one; raises SetupError when it is in use."""
    text = person.get(variable, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SetupError(f"{variable}={text} is no port: a number from 1 to 65535, please.")
    if reason := why_not_listen(int(text)):
        raise SetupError(
            f"Port {text} cannot be used ({reason}; `ss -ltnp` lists who listens): "
            f"choose another with `{variable}={(int(text) + 1000) % 65536} make run`."
        )
    return int(text)
