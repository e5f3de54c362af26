"""Who holds an instance: one command at a time, and nothing left behind however that command ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from deploy.local import processes
from deploy.local.console import CannotGoOn
from deploy.local.interruptions import interruptions
from deploy.local.places import LOCAL, ROOT, Instance, locked

LAUNCHER = "launcher"
KEEPER = "keeper"
# They end last: the others want to write what they know.
STORES = ("postgres", "redis")
DONE = b"."


@contextlib.contextmanager
def owned(instance: Instance) -> Iterator[None]:
    """Hold an instance, cleared of leftovers, and end on the way out all that was started in it."""
    instance.prepare()
    with locked(instance.directory / "lock", wait=0 if processes.running(instance, LAUNCHER) else 45) as had:
        if not had:
            raise CannotGoOn(_held_by(instance))
        end_all(instance)
        instance.forget_logs()
        with _keeper(instance):
            processes.record(instance, LAUNCHER, os.getpid(), stop_signal=signal.SIGTERM, grace=60)
            try:
                yield
            finally:
                with interruptions.held():
                    end_all(instance, besides=(KEEPER, LAUNCHER))
                    (instance.records / f"{LAUNCHER}.json").unlink(missing_ok=True)


def end_all(instance: Instance, *, besides: tuple[str, ...] = ()) -> int:
    """End what is recorded as ours, stores last; returns how many still ran."""
    entries = [
        entry
        for entry in processes.records(instance)
        if entry.name not in besides and entry.identity.pid != os.getpid()
    ]
    alive = sum(entry.is_alive for entry in entries)
    processes.end(entry for entry in entries if entry.name not in STORES)
    processes.end(entry for entry in entries if entry.name in STORES)
    return alive


def stop(instance: Instance) -> bool:
    """Have the command that holds an instance end, then end what it left; returns whether anything ran."""
    launcher = processes.running(instance, LAUNCHER)
    if launcher is not None:
        processes.end([launcher])
    with locked(instance.directory / "lock", wait=45) as had:
        if not had:
            raise CannotGoOn(_held_by(instance))
        return bool(end_all(instance)) or launcher is not None


def instances() -> list[Instance]:
    """All instances that this checkout has."""
    return [Instance(path.parent.name) for path in sorted(LOCAL.glob("*/pids"))]


def keep(instance: Instance) -> int:
    """Wait until the launcher is gone, and clear up after it if it did not do so itself."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read(1) == DONE:
        return 0
    with locked(instance.directory / "lock", wait=5) as had:
        if had:
            end_all(instance)
            (instance.records / f"{KEEPER}.json").unlink(missing_ok=True)
    return 0


@contextlib.contextmanager
def _keeper(instance: Instance) -> Iterator[None]:
    """Start the process that outlives us by a moment: `kill -9` leaves no time to clear up ourselves."""
    with interruptions.held():
        keeper = subprocess.Popen(
            [sys.executable, "-m", "deploy.local", "keep", instance.name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        processes.record(instance, KEEPER, keeper.pid, stop_signal=signal.SIGKILL, grace=1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            keeper.communicate(DONE, timeout=10)
        (instance.records / f"{KEEPER}.json").unlink(missing_ok=True)


def _held_by(instance: Instance) -> str:
    launcher = processes.running(instance, LAUNCHER)
    if launcher is None:
        return f"Another command is at work in .local/{instance.name}: wait for it, then start again."
    since = time.monotonic() - launcher.identity.started / os.sysconf("SC_CLK_TCK")
    end = "`make stop` ends it" if instance.name == "run" else f"`kill {launcher.identity.pid}` ends it"
    return (
        f"`make {instance.name}` already runs in this checkout "
        f"(process {launcher.identity.pid}, for {max(since, 0) / 60:.0f} min): {end}."
    )
