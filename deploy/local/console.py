"""The terminal: steps with their times, Ctrl-C, programs that end, and errors in one sentence."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from deploy.local import child

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SetupError(Exception):
    """One sentence for a person, and the log that says more."""

    def __init__(self, sentence: str, *, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.log = log


def paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def say(text: str = "") -> None:
    print(text, flush=True)


def complain(error: SetupError) -> None:
    """Print the sentence, and the end of the log it points at."""
    text = error.log.read_text(errors="replace") if error.log and error.log.exists() else ""
    if "No space left on device" in text:
        text, error = "", SetupError(f"The disk is full: make room, then start again ({error.log}).")
    print(f"\n{paint('✗', '31')} {error}", file=sys.stderr)
    for line in text.splitlines()[-12:]:
        print(f"    {line[:200]}", file=sys.stderr)
    if text:
        print(f"  The whole log: {error.log}", file=sys.stderr)


@contextlib.contextmanager
def step(name: str, doing: str) -> Iterator[Callable[[str], None]]:
    """Say what is being done, and afterwards how it ended and how long it took."""
    outcome, began = [""], time.monotonic()
    is_terminal = sys.stdout.isatty()
    print(f"    {name:<12} {doing} …", end="" if is_terminal else "\n", flush=True)
    yield outcome.append
    start = "\r\033[K" if is_terminal else ""
    say(f"{start}  {paint('✓', '32')} {name:<12} {outcome[-1]:<50} {time.monotonic() - began:6.1f} s")


def interrupt_on_signals() -> None:
    """Make `kill` and a closed terminal the same as Ctrl-C: a KeyboardInterrupt, which has the signal."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(number)

    for number in INTERRUPTS:
        # What `nohup` or a background shell told us to ignore stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


@contextlib.contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Finish what must not be left half done; the processes that it starts are interrupted as ever."""
    before = {number: signal.signal(number, lambda *_: None) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_child(parent: int | str, *signal_and_user: str, lock: str = "") -> list[str]:
    """Give the words to put before a program, so that it gets a signal when its parent ends."""
    return [sys.executable, "-I", "-S", child.__file__, lock, str(parent), *signal_and_user]


def run_logged(
    argv: list[str], *, log: Path, failure: str, env: Mapping[str, str] | None = None, user: str = ""
) -> str:
    """Run a program to its end; returns what it printed, or raises SetupError with the sentence given."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+") as file:
        start, argv = file.tell(), [*as_child(os.getpid(), "TERM", user), *argv]
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        file.seek(start)
        printed = file.read()
    if done.returncode:
        raise SetupError(failure, log=log)
    return printed


def run_in_foreground(argv: list[str], env: Mapping[str, str]) -> int:
    """Run a program on the terminal; when we are interrupted, it ends first."""
    process = subprocess.Popen([*as_child(os.getpid(), "INT", ""), *argv], env=env)
    try:
        return process.wait()
    except KeyboardInterrupt as interrupt:
        # The terminal's Ctrl-C has reached it too.
        if interrupt.args != (signal.SIGINT,):
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
