"""The publisher, one per process: sends messages to the channel layer, in order, from any thread."""

import asyncio
import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer

from soukloop.realtime.metrics import PUBLISHED

logger = logging.getLogger(__name__)

QUEUE_MAX = 10_000
BATCH = 200
SEND_TIMEOUT = 5.0
FLUSH_TIMEOUT = 3.0

Message = dict[str, Any]


class Receipt:
    """Calls a function once all messages of an outbox entry have been taken by the channel layer."""

    def __init__(self, messages: int, on_sent: Callable[[], None]) -> None:
        self._remaining = messages
        self._on_sent = on_sent

    def sent(self) -> None:
        """Note one of the messages as sent; called on the publisher's event loop only."""
        self._remaining -= 1
        if self._remaining == 0:
            self._on_sent()


class Publisher:
    """Sends on the hub's event loop if the process has one, otherwise on a thread of its own.

    `async_to_sync(group_send)` would open a connection to Redis for each event, because the channel layer
    has one connection per event loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._queue: deque[tuple[str, Message, Receipt | None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_sending = False
        self._task: asyncio.Task[None] | None = None

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send on this event loop from now on."""
        with self._lock:
            self._loop = loop

    def forget_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop sending on this event loop, which is about to close."""
        with self._lock:
            if self._loop is loop:
                self._loop = None

    def send(self, room: str, message: Message, receipt: Receipt | None = None) -> None:
        """Queue a message for a room. Never waits, and never raises when Redis is unavailable.

        Without a receipt a message is lost if Redis does not take it.
        """
        with self._lock:
            if len(self._queue) >= QUEUE_MAX:
                PUBLISHED.labels("dropped").inc()
                logger.error("publish queue is full: event for room %s dropped", room)
                return
            self._queue.append((room, message, receipt))
            if self._is_sending:
                return
            self._is_sending = True
            loop = self._running_loop()
        loop.call_soon_threadsafe(self._start)

    def send_now(self, messages: list[tuple[str, Message]]) -> None:
        """Send messages and wait until the channel layer has taken them, on a thread; raises its errors."""
        with self._lock:
            loop = self._running_loop()
        for start in range(0, len(messages), BATCH):
            batch = messages[start : start + BATCH]
            sending = asyncio.run_coroutine_threadsafe(_send_batch(batch), loop)
            sending.result(SEND_TIMEOUT + 1)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._loop.is_closed():
            self._loop = _start_publisher_thread()
        return self._loop

    def flush(self, timeout: float = FLUSH_TIMEOUT) -> bool:
        """Wait until the queue is empty, in a thread other than the event loop's; return whether it is."""
        deadline = time.monotonic() + timeout
        while self._is_sending:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._send_queue())

    async def _send_queue(self) -> None:
        # One batch at a time, so that a room's events arrive in the order published. Batches, because each
        # event on its own took two iterations of a busy event loop, and the queue overflowed at 400 a second.
        while True:
            with self._lock:
                if not self._queue:
                    self._is_sending = False
                    return
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                await _send_batch([(room, message) for room, message, _ in batch])
            except Exception as error:
                rooms = ", ".join(sorted({room for room, _, _ in batch})[:3])
                reason = error or type(error).__name__
                PUBLISHED.labels("failed").inc(len(batch))
                logger.warning("publishing %s events to %s failed: %s", len(batch), rooms, reason)
                continue
            PUBLISHED.labels("sent").inc(len(batch))
            for _, _, receipt in batch:
                if receipt is not None:
                    receipt.sent()


async def _send_batch(batch: list[tuple[str, Message]]) -> None:
    await asyncio.wait_for(get_channel_layer().group_send_many(batch), SEND_TIMEOUT)


def _start_publisher_thread() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="publisher", daemon=True).start()
    return loop


publisher = Publisher()
atexit.register(publisher.flush)
os.register_at_fork(after_in_child=publisher.__init__)  # type: ignore[misc] # threads don't survive a fork
