"""Instances for tests: in the checkout like any other, and gone afterwards; and launchers in them."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.local import environment
from deploy.local.instance import ROOT, Instance
from deploy.local.supervise import stop
from soukloop.realtime.testing.waiting import wait_until


@contextlib.contextmanager
def temporary_instance(name: str) -> Iterator[Instance]:
    """Make an instance, and afterwards end and remove all of it."""
    instance = Instance(f"{name}-{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}")
    instance.prepare()
    try:
        yield instance
    finally:
        stop(instance)
        for directory in (instance.data, instance.directory, instance.log("").parent):
            shutil.rmtree(directory, ignore_errors=True)


class Launcher:
    """`make run` in an instance, with everything set up already."""

    def __init__(self, instance: Instance, *code: str, **env: str) -> None:
        named = ("DATABASE_URL", "REDIS_URL", "BASE_URL", "RTMP_URL", "MEDIA_URL", "MEDIA_ROOT")
        ports = {name: str(instance.private_port(name)) for name in environment.PORTS}
        kept = {name: value for name, value in os.environ.items() if name not in named}
        start = "from deploy.local import cli; sys.exit(cli.main(['run', sys.argv[1]]))"
        self.printed, self.complained = instance.directory / "printed", instance.directory / "complained"
        self.process = subprocess.Popen(
            [sys.executable, "-c", "\n".join(["import sys", *code, start]), instance.name],
            cwd=ROOT,
            env={**kept, **ports, "SOUKLOOP_SETUP_DONE": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=self.printed.open("w"),
            stderr=self.complained.open("w"),
        )

    def wait_until_ready(self) -> float:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.complained.read_text()
            return "Ready." in self.printed.read_text()

        return wait_until(is_ready, "the launcher", 180)

    def wait(self) -> tuple[int, str, str]:
        """Wait for its end; returns its code, and what it printed on both ways."""
        code = self.process.wait(timeout=60)
        return code, self.printed.read_text(), self.complained.read_text()

    def family(self) -> dict[int, str]:
        """Find it and all that descend from it, each with its command."""
        parents, commands, found = {}, {}, [self.process.pid]
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                commands[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        for member in found:
            found += [child for child, parent in parents.items() if parent == member]
        return {member: commands[member] for member in found}


def still_running(processes: dict[int, str]) -> list[str]:
    # Unlike what has ended and is not yet reaped.
    return [command for pid, command in processes.items() if Path(f"/proc/{pid}/cwd").exists()]
