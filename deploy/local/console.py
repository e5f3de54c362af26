"""The terminal: steps with their times, Ctrl-C, programs that end, and errors in one sentence."""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path


class SetupError(Exception):
    """One sentence for a person, and the log that says more."""

    def __init__(self, sentence: str, *, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.log = log


def say(text: str = "") -> None:
    print(text, flush=True)


def complain(error: SetupError) -> None:
    """Print the sentence, and the end of the log it points at."""
    text = error.log.read_text(errors="replace") if error.log and error.log.exists() else ""
    if "No space left on device" in text:
        text, error = "", SetupError(f"The disk is full: make room, then start again ({error.log}).")
    print(f"\n✗ {error}", file=sys.stderr)
    for line in [*text.splitlines()[-12:], f"The whole log: {error.log}"] if text else []:
        print(f"    {line[:200]}", file=sys.stderr)


@contextlib.contextmanager
def step(name: str, doing: str) -> Iterator[Callable[[str], None]]:
    """Say what is being done, and afterwards how it ended and how long it took."""
    outcome, began = [""], time.monotonic()
    print(f"    {name:<12} {doing[:48]:<50}", end="\r" if sys.stdout.isatty() else "\n", flush=True)
    yield outcome.append
    say(f"  ✓ {name:<12} {outcome[-1]:<50} {time.monotonic() - began:6.1f} s")


def interrupt(number: int, frame: object) -> None:
    """Make `kill` and a closed terminal the same as Ctrl-C: a KeyboardInterrupt, which has the signal."""
    raise KeyboardInterrupt(number)


def finish_first(number: int, frame: object) -> None:
    """Let us finish what must not be left half done; our children are interrupted as ever."""


def on_interrupts(handler: Callable[[int, object], None]) -> None:
    """Choose one of the two. What `nohup` or a background shell told us to ignore stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def ending_with_parent(stop_signal: str, user: str = "") -> list[str]:
    """Give the words before a program that is to get a signal when its parent ends, and to run as a user."""
    rights = ["--reuid", user, "--regid", user, "--clear-groups"] if user else []
    return ["setpriv", "--pdeathsig", stop_signal, *rights]


def run_logged(
    argv: list[str], *, log: Path, failure: str, env: Mapping[str, str] | None = None, user: str = ""
) -> str:
    """Run a program to its end; returns what it printed, or raises SetupError with the sentence given."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+") as file:
        start, argv = file.tell(), [*ending_with_parent("TERM", user), *argv]
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        file.seek(start)
        printed = file.read()
    if done.returncode:
        raise SetupError(failure, log=log)
    return printed


def run_in_foreground(name: str, argv: list[str], env: Mapping[str, str]) -> int:
    """Run a program on the terminal; when we are interrupted, it ends first."""
    say(f"\n── {name}")
    with ending_first([process := subprocess.Popen([*ending_with_parent("INT"), *argv], env=env)]):
        return process.wait()


def run_beside_each_other(programs: Mapping[str, list[str]], env: Mapping[str, str]) -> list[str]:
    """Run programs at the same time and print what each wrote; returns the names of those that failed."""
    with contextlib.ExitStack() as stack:
        written = {name: stack.enter_context(tempfile.TemporaryFile("w+")) for name in programs}
        processes = {
            name: subprocess.Popen(
                [*ending_with_parent("INT"), *argv],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=written[name],
                stderr=subprocess.STDOUT,
            )
            for name, argv in programs.items()
        }
        stack.enter_context(ending_first(processes.values()))
        for name, process in processes.items():
            say(f"\n── {name}")
            process.wait()
            written[name].seek(0)
            shutil.copyfileobj(written[name], sys.stdout)
        return [name for name, process in processes.items() if process.returncode]


@contextlib.contextmanager
def ending_first(processes: Iterable[subprocess.Popen[bytes]]) -> Iterator[None]:
    """When we are interrupted, end these programs before ourselves."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        # The terminal's Ctrl-C has reached them too.
        if interrupt.args != (signal.SIGINT,):
            for process in processes:
                process.send_signal(signal.SIGINT)
        on_interrupts(finish_first)
        for process in processes:
            process.wait()
        raise
