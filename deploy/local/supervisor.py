"""Runs the processes of `make run` in the foreground: shows what they say, starts again what dies."""

import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import processes
from deploy.local.console import CannotGoOn, paint, say
from deploy.local.interruptions import interruptions
from deploy.local.places import Instance
from deploy.local.processes import Service

COLOURS = {"web": "36", "worker": "35", "media": "33"}
# A process that dies this often in this many seconds will not get better by itself.
DEATHS = 5
WITHIN = 60.0


@dataclass
class Child:
    """A process and what is needed to start it again."""

    service: Service
    process: subprocess.Popen[bytes]
    quiet: bool
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS))


class Supervisor:
    """Watches the processes of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.children: dict[str, Child] = {}
        # Until everything is up, what they say goes to their log files only.
        self.is_showing = False

    def start(self, service: Service, *, quiet: bool = False) -> None:
        """Start a process; a quiet one speaks to its log file only."""
        with interruptions.held():
            process = self._spawn(service, quiet=quiet)
            self.children[service.name] = Child(service, process, quiet)

    def adopt(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        """Watch a process that runs already."""
        self.children[service.name] = Child(service, process, quiet=True)

    def check(self) -> None:
        """Raise CannotGoOn when a process died: while starting up there is no second try."""
        for name, child in self.children.items():
            if child.process.poll() is not None:
                raise CannotGoOn(f"{name} ended as soon as it was started.", log=self.instance.log(name))

    def watch(self) -> None:
        """Start again what dies, until somebody ends us or one of them keeps dying."""
        self.is_showing = True
        while True:
            for name, child in self.children.items():
                if child.process.poll() is not None:
                    self._revive(name, child)
            time.sleep(0.2)

    def _revive(self, name: str, child: Child) -> None:
        code = child.process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        now = time.monotonic()
        child.deaths.append(now)
        if len(child.deaths) == DEATHS and now - child.deaths[0] < WITHIN:
            raise CannotGoOn(
                f"{name} {how}, for the {DEATHS}th time in a minute.", log=self.instance.log(name)
            )
        say(paint(f"  {name} {how}; starting it again.", "33"))
        # What a dead leader left in its session (an ffmpeg, say) would go on beside its successor's.
        processes.kill(processes.session_members(child.process.pid))
        if len(child.deaths) > 1:
            time.sleep(1)
        with interruptions.held():
            child.process = self._spawn(child.service, quiet=child.quiet)

    def _spawn(self, service: Service, *, quiet: bool) -> subprocess.Popen[bytes]:
        if quiet:
            return processes.start_logged(self.instance, service)
        process = processes.start(self.instance, service, subprocess.PIPE)
        log = self.instance.log(service.name)
        threading.Thread(target=self._relay, args=(service.name, process, log), daemon=True).start()
        return process

    def _relay(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        """Copy what a process says to its log file and, with its name in front, to ours."""
        assert process.stdout is not None
        prefix = paint(f"{name:<7}│", COLOURS.get(name, "0"))
        with log.open("ab") as file:
            for line in process.stdout:
                file.write(line)
                file.flush()
                if self.is_showing:
                    sys.stdout.write(f"{prefix} {line.decode(errors='replace').rstrip()}\n")
                    sys.stdout.flush()
