"""An instance's processes: supervisord runs them, one command at a time holds them, none outlives it."""

import contextlib
import fcntl
import os
import shlex
import signal
import socket
import subprocess
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from deploy.local.console import SetupError, ending_with_parent, finish_first, on_interrupts, say
from deploy.local.instance import FALLBACK_DATA_DIR, ROOT, VENV, Instance, server_user

CONFIGURATION = Path(__file__).with_name("supervisord.conf")
# Longer than any process may take to start, and to end.
ANSWERS_WITHIN, ENDS_WITHIN = 90.0, 45.0


@contextlib.contextmanager
def owned(instance: Instance) -> Iterator[None]:
    """Hold an instance, once all that an earlier command started has ended."""
    instance.directory.mkdir(parents=True, exist_ok=True)
    with instance.lock.open("a+") as lock:
        if launcher := _holder(lock):
            way = "`make stop`" if instance.name == "run" else f"`kill {launcher}`"
            raise SetupError(
                f"`make {instance.name}` already runs in this checkout (process {launcher}): {way} ends it."
            )
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        wait_until_ended(instance)
        instance.prepare()
        yield


def stop(instance: Instance) -> bool:
    """End the command that holds an instance; returns whether anything ran."""
    if not instance.lock.exists():
        return False
    with instance.lock.open("a+") as lock:
        if launcher := _holder(lock):
            os.kill(launcher, signal.SIGTERM)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return wait_until_ended(instance) or launcher != 0


def _holder(lock: IO[str]) -> int:
    """Lock the file of an instance; returns 0, or the process that has locked it already."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.1)  # by now it has written its number
        lock.seek(0)
        return int(lock.read())
    return 0


def kill_orphans(instance: Instance, *, everything: bool = False) -> bool:
    """Kill what has no leader of its group any more, or everything; returns whether anything ran."""
    try:
        session = int((instance.directory / "session").read_text())
    except (OSError, ValueError):
        return False
    found = False
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # what has ended has no cwd, even before its parent notices
            pid, directory = int(path.name), (path / "cwd").readlink()
            # After a restart of the machine the number may be another session's.
            is_ours = directory.is_relative_to(ROOT) or directory.is_relative_to(FALLBACK_DATA_DIR)
            if os.getsid(pid) == session and is_ours:
                found = True
                if everything or not Path(f"/proc/{os.getpgid(pid)}/cwd").exists():
                    os.kill(pid, signal.SIGKILL)
    return found


def wait_until_ended(instance: Instance) -> bool:
    """Wait until nothing runs in an instance, and kill what does not end; returns whether anything ran."""
    began, ran = time.monotonic(), False
    while kill_orphans(instance, everything=time.monotonic() > began + ENDS_WITHIN):
        ran = True
        time.sleep(0.05)
    (instance.directory / "session").unlink(missing_ok=True)
    return ran


class Supervisor:
    """supervisord for one instance, from `with` to the end of its last process."""

    def __init__(self, instance: Instance, env: Mapping[str, str]) -> None:
        self.instance = instance
        port, password = instance.private_port("supervisor"), instance.secret("SUPERVISOR_PASSWORD")
        self.rpc: Any = xmlrpc.client.ServerProxy(f"http://soukloop:{password}@127.0.0.1:{port}").supervisor
        self.env = {
            **env,
            "LOCAL_UID": str(os.getuid()),
            "LOCAL_DATA": str(instance.data),
            "LOCAL_LOGS": str(instance.log("").parent),
            "LOCAL_AS_MEDIA": shlex.join(ending_with_parent("TERM", server_user("www-data"))),
            "LOCAL_RTMP_PORT": str(instance.private_port("media-rtmp")),
            "LOCAL_CONTROL_PORT": str(instance.private_port("media-control")),
            "LOCAL_RELAY_PORT": str(instance.private_port("media-relay")),
            "LOCAL_SUPERVISOR_PORT": str(port),
            "LOCAL_SUPERVISOR_PASSWORD": password,
        }

    def __enter__(self) -> "Supervisor":
        self.process = subprocess.Popen(
            [*ending_with_parent("TERM"), VENV / "bin" / "supervisord", "-c", CONFIGURATION],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.instance.log("supervisord").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        (self.instance.directory / "session").write_text(str(self.process.pid))
        return self

    def __exit__(self, *error: object) -> None:
        on_interrupts(finish_first)
        say("\nStopping …")
        self.process.terminate()
        self.process.wait()
        # Where it was killed, its processes are still ending.
        wait_until_ended(self.instance)

    def wait_until(self, name: str, trouble: Callable[[], str]) -> None:
        """Wait until a program reports no trouble any more."""
        deadline = time.monotonic() + ANSWERS_WITHIN
        while reason := trouble():
            self.check()
            if time.monotonic() > deadline:
                raise SetupError(f"{name} does not answer: {reason}", log=self.instance.log(name))
            time.sleep(0.2)

    def check(self) -> None:
        """Raise SetupError when supervisord has ended or has given up a program."""
        kill_orphans(self.instance)
        if self.process.poll() is not None:
            raise SetupError("supervisord has ended.", log=self.instance.log("supervisord"))
        with contextlib.suppress(OSError):
            for info in self.rpc.getAllProcessInfo():
                if info["statename"] == "FATAL":
                    log = self.instance.log(info["name"])
                    raise SetupError(f"{info['name']} keeps ending as soon as it is started.", log=log)


def unreachable(url: str) -> str:
    """Say why nothing answers at a URL; empty when something does."""
    parts = urlsplit(url)
    try:
        port = parts.port or (6379 if parts.scheme.startswith("redis") else 5432)
        socket.create_connection((parts.hostname or "localhost", port), timeout=5).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""
