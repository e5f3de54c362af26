"""Processes we started: written down as they start, recognised for certain, ended in order."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, Self

from deploy.local.places import ROOT, Instance, write_private


class Identity(NamedTuple):
    """A process for certain: a number is used again one day, a number with its start time is not."""

    pid: int
    started: int


@dataclass(frozen=True)
class Service:
    """What to start, as whom, and how it likes to be ended."""

    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 12.0


@dataclass(frozen=True)
class Record:
    """A note in the instance's directory that a process is ours."""

    path: Path
    identity: Identity
    boot: str
    stop_signal: int
    grace: float

    @classmethod
    def load(cls, path: Path) -> Self | None:
        try:
            values = json.loads(path.read_text())
            identity = Identity(values["pid"], values["started"])
            return cls(path, identity, values["boot"], values["stop_signal"], values["grace"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def is_alive(self) -> bool:
        return self.boot == boot_id() and is_alive(self.identity)

    def signal(self, number: int) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.identity.pid, number)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, which may itself hold spaces and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def identify(pid: int) -> Identity | None:
    """Identify a running process; a zombie is not running."""
    fields = _stat(pid)
    return Identity(pid, int(fields[19])) if fields and fields[0] not in "ZX" else None


def is_alive(identity: Identity) -> bool:
    return identify(identity.pid) == identity


def session_members(session: int) -> set[Identity]:
    """Find the processes of a session: a service's leader, and all it started."""
    members = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields and fields[0] not in "ZX" and int(fields[3]) == session:
                members.add(Identity(int(entry.name), int(fields[19])))
    return members


def record(instance: Instance, name: str, pid: int, *, stop_signal: int, grace: float) -> None:
    """Write down that a process is ours."""
    identity = identify(pid)
    if identity is None:
        return  # it ended at once; whoever waits for it will see
    values = {
        "pid": identity.pid,
        "started": identity.started,
        "boot": boot_id(),
        "stop_signal": int(stop_signal),
        "grace": grace,
    }
    write_private(instance.records / f"{name}.json", json.dumps(values))


def records(instance: Instance) -> list[Record]:
    found = [Record.load(path) for path in sorted(instance.records.glob("*.json"))]
    return [entry for entry in found if entry is not None]


def running(instance: Instance, name: str) -> Record | None:
    """The record of a process that still runs."""
    found = Record.load(instance.records / f"{name}.json")
    return found if found is not None and found.is_alive else None


def start(instance: Instance, service: Service, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a service at the head of a session of its own: the terminal's Ctrl-C does not reach it."""
    process = subprocess.Popen(
        service.argv,
        cwd=ROOT,
        env=service.env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=service.user,
        group=service.user,
        extra_groups=[] if service.user else None,
    )
    record(instance, service.name, process.pid, stop_signal=service.stop_signal, grace=service.grace)
    return process


def start_logged(instance: Instance, service: Service) -> subprocess.Popen[bytes]:
    """Start a service that writes to its log file and nowhere else."""
    with instance.log(service.name).open("ab") as log:
        return start(instance, service, log)


def end(entries: Iterable[Record]) -> None:
    """Ask each process to end, wait as long as it may take, then kill it and what it left behind."""
    entries = list(entries)
    ours = {entry: _family(entry) for entry in entries if entry.is_alive}
    for entry in ours:
        entry.signal(entry.stop_signal)
    began = time.monotonic()
    waiting = set(ours)
    while waiting:
        for entry in list(waiting):
            if not entry.is_alive or time.monotonic() - began > entry.grace:
                ours[entry] |= _family(entry)
                waiting.discard(entry)
        if waiting:
            time.sleep(0.03)
    for entry, family in ours.items():
        kill(family)
        # What they started in the moment between being found and being killed, and what that started.
        for _ in range(5):
            kill(session_members(entry.identity.pid))
    for entry in entries:
        entry.path.unlink(missing_ok=True)


def _family(entry: Record) -> set[Identity]:
    return session_members(entry.identity.pid) | {entry.identity}


def kill(identities: Iterable[Identity]) -> None:
    """Kill those that still run, and wait until they are gone."""
    left = [identity for identity in identities if is_alive(identity)]
    for identity in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(identity.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(is_alive(identity) for identity in left) and time.monotonic() < deadline:
        time.sleep(0.02)
