"""Instances for tests: in the checkout like any other, gone afterwards, and what runs in them."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.local import ownership
from deploy.local.places import ROOT, Instance

NAME = "selftest"
NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


@contextlib.contextmanager
def temporary_instance(name: str) -> Iterator[Instance]:
    """Make an instance, and afterwards end and remove all of it."""
    instance = Instance(name)
    remove(instance)
    instance.prepare()
    try:
        yield instance
    finally:
        remove(instance)


def remove(instance: Instance) -> None:
    if instance.directory.exists():
        ownership.stop(instance)
        for directory in (instance.data, instance.directory, instance.logs):
            shutil.rmtree(directory, ignore_errors=True)


def is_quiet() -> bool:
    """Whether seconds mean anything: not while others keep all cores busy."""
    return os.getloadavg()[0] < 1.5 * (os.cpu_count() or 1)


def marked(name: str) -> dict[str, str]:
    """Build an environment that what is started in it is found by, and nothing of another checkout."""
    return {**os.environ, "SOUKLOOP_TEST": f"{ROOT}:{name}"}


def processes_of(instance: Instance) -> list[str]:
    """Find every process that was started for an instance."""
    mark = f"SOUKLOOP_TEST={ROOT}:{instance.name}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes().split(b"\0"):
                command = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
                if command:
                    found.append(f"{entry.name} {command}")
    return found


def command(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run one of the launcher's commands, as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=ROOT,
        env={**marked(NAME), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)
