"""An instance's processes: supervisord runs them, one command at a time holds them, none outlives it."""

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from deploy.local.child import LEADER, kill_orphans
from deploy.local.console import SetupError, as_child, ignoring_interrupts
from deploy.local.instance import VENV, Instance, server_user

CONFIGURATION = Path(__file__).with_name("supervisord.conf")
# Longer than any process may take to end.
ENDS_WITHIN = 45.0


@contextlib.contextmanager
def owned(instance: Instance) -> Iterator[IO[str]]:
    """Hold an instance, once all that an earlier command started has ended."""
    instance.lock.parent.mkdir(parents=True, exist_ok=True)
    with instance.lock.open("a+") as lock:
        launcher = _launcher(instance)
        if not _acquire(instance, lock, wait=0 if launcher else ENDS_WITHIN):
            way = "`make stop`" if instance.name == "run" else f"`kill {launcher}`"
            raise SetupError(
                f"`make {instance.name}` already runs in this checkout (process {launcher}): {way} ends it."
            )
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        # Each process of the instance holds it too; see child.py.
        fcntl.flock(lock, fcntl.LOCK_SH)
        instance.prepare()
        yield lock


def stop(instance: Instance) -> bool:
    """End the command that holds an instance; returns whether anything ran."""
    launcher = _launcher(instance)
    if launcher:
        os.kill(launcher, signal.SIGTERM)
    if instance.lock.exists():
        with instance.lock.open() as lock:
            if not _acquire(instance, lock):
                raise SetupError(f"A process does not end: `fuser -k {instance.lock}` kills it.")
    return launcher != 0


class Supervisor:
    """supervisord for one instance, from `with` to the end of its last process."""

    def __init__(self, instance: Instance, env: Mapping[str, str], lock: IO[str]) -> None:
        self.instance = instance
        self.lock = lock
        port, password = instance.private_port("supervisor"), instance.secret("SUPERVISOR_PASSWORD")
        self.rpc: Any = xmlrpc.client.ServerProxy(f"http://soukloop:{password}@127.0.0.1:{port}").supervisor
        self.env = {
            **env,
            "LOCAL_CHILD": shlex.join(as_child(LEADER, lock=str(instance.lock))),
            "LOCAL_UID": str(os.getuid()),
            "LOCAL_DATA": str(instance.data),
            "LOCAL_DIRECTORY": str(instance.directory),
            "LOCAL_LOGS": str(instance.log("").parent),
            "LOCAL_NGINX_USER": server_user("www-data"),
            "LOCAL_CONTROL_PORT": str(instance.private_port("media-control")),
            "LOCAL_RELAY_PORT": str(instance.private_port("media-relay")),
            "LOCAL_SUPERVISOR_PORT": str(port),
            "LOCAL_SUPERVISOR_PASSWORD": password,
        }

    def __enter__(self) -> "Supervisor":
        before = as_child(os.getpid(), "TERM", "", lock=str(self.instance.lock))
        self.process = subprocess.Popen(
            [*before, VENV / "bin" / "supervisord", "-c", CONFIGURATION],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.instance.log("supervisord").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        with ignoring_interrupts():
            self.process.terminate()
            self.process.wait()
            # Where it was killed, its processes are still ending.
            _acquire(self.instance, self.lock)

    def wait_until(self, name: str, trouble: Callable[[], str], *, seconds: float = 60) -> None:
        """Wait until a program reports no trouble any more."""
        deadline = time.monotonic() + seconds
        while reason := trouble():
            self.check()
            if time.monotonic() > deadline:
                log = self.instance.log(name)
                raise SetupError(f"{name} does not answer after {seconds:.0f} s: {reason}", log=log)
            time.sleep(0.2)

    def check(self) -> None:
        """Raise SetupError when supervisord has ended or has given up a program."""
        if self.process.poll() is not None:
            raise SetupError("supervisord has ended.", log=self.instance.log("supervisord"))
        with contextlib.suppress(OSError):
            for info in self.rpc.getAllProcessInfo():
                if info["statename"] == "FATAL":
                    log = self.instance.log(info["name"])
                    raise SetupError(f"{info['name']} keeps ending as soon as it is started.", log=log)


def _acquire(instance: Instance, lock: IO[str], *, wait: float = ENDS_WITHIN) -> bool:
    """Wait until no process of an instance is left. The children of a killed one are killed."""
    supervisord = instance.directory / "supervisord.pid"
    deadline = time.monotonic() + wait
    while True:
        # It removes this file unless it was killed.
        with contextlib.suppress(OSError, ValueError):
            kill_orphans(int(supervisord.read_text()))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _launcher(instance: Instance) -> int:
    """Find the process that a lock file names; 0 when it has ended."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(instance.lock.read_text())
        if b"deploy.local" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return 0
