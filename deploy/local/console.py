"""What the commands say: aligned steps with their times, and one sentence when they cannot go on."""

import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
NAME_WIDTH = 10
TEXT_WIDTH = 56


class CannotGoOn(Exception):
    """One sentence for a person, and where more can be read."""

    def __init__(self, sentence: str, *, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.log = log


def is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if is_terminal() and "NO_COLOR" not in os.environ else text


def say(text: str = "") -> None:
    print(text, flush=True)


def title(text: str) -> None:
    say(f"\n{paint(text, '1')}\n")


def heading(text: str) -> None:
    """Separate the output of one tool from the next one's."""
    say(f"\n{paint(f'── {text} '.ljust(78, '─'), '1;36')}")


def complain(error: CannotGoOn) -> None:
    """Print the sentence, and the end of the log it points at."""
    print(f"\n{paint('✗', '31')} {error.sentence}", file=sys.stderr)
    if error.log is not None:
        for line in last_lines(error.log):
            print(f"    {line}", file=sys.stderr)
        print(f"  The whole log: {error.log}", file=sys.stderr)
    sys.stderr.flush()


def last_lines(log: Path, count: int = 12) -> list[str]:
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return []
    return [line.rstrip()[:200] for line in text.splitlines() if line.strip()][-count:]


class Step:
    """A line that is alive on a terminal, and plain text anywhere else."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.doing = ""
        self.outcome = ""
        self.began = time.monotonic()
        self._over = threading.Event()
        self._painter: threading.Thread | None = None

    def say(self, doing: str, *, detail: bool = False) -> None:
        """Tell what is going on; a detail (one package of many) is shown on a terminal only."""
        self.doing = doing
        if not is_terminal() and not detail:
            say(f"  {self.name.ljust(NAME_WIDTH)}  {doing} …")

    def hush(self) -> None:
        """Leave the terminal to somebody who asks for a password."""
        self._over.set()
        if self._painter is not None:
            self._painter.join()
            self._painter = None
            sys.stdout.write("\r\033[K")
            say(f"  {self.name.ljust(NAME_WIDTH)}  {self.doing} …")

    def done(self, outcome: str) -> None:
        self.outcome = outcome

    def __enter__(self) -> Self:
        if is_terminal():
            self._painter = threading.Thread(target=self._paint, daemon=True)
            self._painter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._painter is not None:
            self._painter.join()
            sys.stdout.write("\r\033[K")
        if kind is None:
            say(f"  {paint('✓', '32')} {self._line(self.outcome or self.doing)}")

    def _line(self, text: str) -> str:
        seconds = time.monotonic() - self.began
        return f"{self.name.ljust(NAME_WIDTH)}  {text[:TEXT_WIDTH].ljust(TEXT_WIDTH)} {seconds:6.1f} s"

    def _paint(self) -> None:
        frame = 0
        while not self._over.wait(0.1):
            frame += 1
            mark = paint(FRAMES[frame % len(FRAMES)], "36")
            sys.stdout.write(f"\r\033[K  {mark} {self._line(self.doing)}")
            sys.stdout.flush()
