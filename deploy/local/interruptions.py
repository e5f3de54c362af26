"""Ctrl-C, `kill` and a closed terminal: one exception, raised where it can be dealt with."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from types import FrameType

PR_SET_PDEATHSIG = 1


class Ended(BaseException):
    """Somebody asked us to end; everything we started goes with us."""


class Interruptions:
    """Turns the signals that mean “end” into `Ended`, except while something must not be torn in two."""

    def __init__(self) -> None:
        self.received = 0
        self._held = 0

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What `nohup` or a background shell told us to ignore stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.handle)
        if "MAKELEVEL" in os.environ:
            # `make` that is killed outright cannot pass it on.
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Put a signal off until this is done."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self.received and not self._held:
            raise Ended

    def handle(self, number: int, frame: FrameType | None) -> None:
        first, self.received = not self.received, self.received or number
        if first and not self._held:
            raise Ended


interruptions = Interruptions()
