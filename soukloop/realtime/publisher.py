"""The way out: hands messages to the channel layer, in order, from whatever thread they come."""

import asyncio
import atexit
import logging
import os
import threading
import time
from collections import deque
from typing import Any

from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

QUEUE_MAX = 10_000
BATCH = 200
SEND_TIMEOUT = 5.0
FLUSH_TIMEOUT = 3.0

Message = dict[str, Any]


class Publisher:
    """One per process. Sends on the hub's event loop where there is one, otherwise on a thread of its own.

    `async_to_sync(group_send)` would open a connection to Redis for each event, because the channel layer
    keeps one per event loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._waiting: deque[tuple[str, Message]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_draining = False
        self._task: asyncio.Task[None] | None = None

    def adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send on this loop from now on."""
        with self._lock:
            self._loop = loop

    def release(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if self._loop is loop:
                self._loop = None

    def send(self, room: str, message: Message) -> None:
        """Queue a message for a room. Never waits and never raises on Redis' account."""
        with self._lock:
            if len(self._waiting) >= QUEUE_MAX:
                logger.error("Redis doesn't keep up: an event for %s is dropped", room)
                return
            self._waiting.append((room, message))
            if self._is_draining:
                return
            self._is_draining = True
            loop = self._loop
            if loop is None or loop.is_closed():
                loop = self._loop = _own_loop()
        loop.call_soon_threadsafe(self._start)

    def flush(self, timeout: float = FLUSH_TIMEOUT) -> bool:
        """Wait, in a thread that isn't the loop's, until all that was queued is sent or given up."""
        deadline = time.monotonic() + timeout
        while self._is_draining:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        # One batch at a time: two events of one room arrive in the order in which they were published. One
        # event at a time took two turns of a busy loop each; at 400 a second beside as many commands they
        # piled up until they were dropped.
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_draining = False
                    return
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await asyncio.wait_for(get_channel_layer().group_send_many(batch), SEND_TIMEOUT)
            except Exception as error:
                rooms = ", ".join(sorted({room for room, _ in batch})[:3])
                reason = error or type(error).__name__
                logger.warning("%s events (for %s) were not published: %s", len(batch), rooms, reason)


def _own_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="publisher", daemon=True).start()
    return loop


publisher = Publisher()
atexit.register(publisher.flush)
os.register_at_fork(after_in_child=publisher.__init__)  # type: ignore[misc] # threads don't survive a fork
