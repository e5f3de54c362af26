"""One push service: how many pushes it has at a time, and when it wants to be left alone."""

import random
import time
from collections import deque
from collections.abc import Callable

from notifications.push.channels import Channel
from notifications.push.messages import Delivery

_PAUSE_MIN, _PAUSE_MAX = 1.0, 600.0  # seconds
_SILENT_MAX = 5  # answers in a row that never came


class Server:
    """Pushes to one push service, so that a slow or broken one holds up no other.

    After a pause it gets one push at first, and twice as many with each that it takes: refused requests count
    against FCM's quota too.
    """

    def __init__(self, name: str, channel: Channel, start: Callable[["Server", Delivery], None]) -> None:
        self.name = name
        self.channel = channel
        self.active = 0
        self.waiting: deque[Delivery] = deque()
        self._start = start
        self._limit = channel.parallel_max
        self._paused_until = 0.0
        self._failures = 0
        self._silent = 0

    @property
    def is_full(self) -> bool:
        """Whether no more pushes to it should be claimed."""
        # As many again wait here, so that it has work until the next claim.
        return self.pause_left > 0 or self.active + len(self.waiting) >= self._limit * 2

    @property
    def is_idle(self) -> bool:
        return not self.active and not self.waiting and self.pause_left <= 0 and not self._failures

    @property
    def pause_left(self) -> float:
        return max(0.0, self._paused_until - time.monotonic())

    def add(self, delivery: Delivery) -> None:
        """Send it now, or as soon as others are answered."""
        self.waiting.append(delivery)
        self.send_waiting()

    def send_waiting(self) -> None:
        while self.waiting and self.active < self._limit and not self.pause_left:
            self.active += 1
            self._start(self, self.waiting.popleft())

    def took(self) -> None:
        """Note that it works."""
        self._failures = self._silent = 0
        self._limit = min(self.channel.parallel_max, self._limit * 2)

    def was_silent(self) -> bool:
        """Note that an answer never came; returns whether it is paused for that."""
        self._silent += 1
        if self._silent < _SILENT_MAX:
            return False
        self.pause(None)
        return True

    def pause(self, seconds: float | None) -> float:
        """Send it nothing for as long as it wants, else longer with each failure; returns for how long."""
        if self.pause_left <= 0:  # else this answer is of a request that was sent before the pause
            self._failures += 1
        if seconds is None:
            longest = min(_PAUSE_MAX, _PAUSE_MIN * 2 ** min(self._failures - 1, 20))
            seconds = random.uniform(longest / 2, longest)  # noqa: S311 - so that not all come back at once
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)
        self._limit = 1
        return self.pause_left

    def take_waiting(self) -> list[Delivery]:
        """Take away those that were not started."""
        waiting, self.waiting = list(self.waiting), deque()
        return waiting
