"""Other programs that we run to the end, their output in a log file."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.console import CannotGoOn, last_lines
from deploy.local.places import ROOT

NO_NETWORK = ("Temporary failure resolving", "NewConnectionError", "Name or service not known", "dns error")


def run_logged(
    argv: list[str],
    *,
    log: Path,
    failure: str,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run a program to its end; returns what it printed, or raises CannotGoOn with the sentence given."""
    log.parent.mkdir(parents=True, exist_ok=True)
    printed = []
    with (
        log.open("a") as file,
        subprocess.Popen(
            argv,
            cwd=ROOT,
            env=dict(os.environ if env is None else env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            user=user,
            group=user,
            extra_groups=[] if user else None,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                printed.append(line)
                if on_line is not None:
                    on_line(line.strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise refusal(failure, log)
    return "".join(printed)


def refusal(sentence: str, log: Path) -> CannotGoOn:
    """Make the error for a log: what a person can do about it where that is known, else the log's end."""
    text = "\n".join(last_lines(log, 40))
    if "No space left on device" in text:
        return CannotGoOn(f"The disk is full: make room, then start again ({log}).")
    if any(sign in text for sign in NO_NETWORK):
        return CannotGoOn(f"There is no network: connect this machine, then start again ({log}).")
    return CannotGoOn(sentence, log=log)
