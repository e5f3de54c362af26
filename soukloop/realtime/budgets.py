"""Budgets of bytes: how much one connection may send."""

import time

from django.conf import settings


class ByteBudget:
    """Refills at SOCKET_BYTES_PER_SECOND, up to SOCKET_BYTES_BURST. Each frame costs SOCKET_FRAME_COST more.

    Taken before anything is parsed: 64 KiB of JSON, or hundreds of small frames, take a millisecond each.
    """

    __slots__ = ("_left", "_taken_at")

    def __init__(self) -> None:
        self._left = float(settings.SOCKET_BYTES_BURST)
        self._taken_at = time.monotonic()

    def take(self, size: int, *, frames: int = 0) -> bool:
        """Take so many bytes and frames; return whether there were enough."""
        now = time.monotonic()
        refilled = self._left + (now - self._taken_at) * settings.SOCKET_BYTES_PER_SECOND
        self._left = min(refilled, settings.SOCKET_BYTES_BURST) - size - frames * settings.SOCKET_FRAME_COST
        self._taken_at = now
        return self._left >= 0
