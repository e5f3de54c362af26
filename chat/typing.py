"""Typing indicators (contract 3.5): a Redis key for 5 s, and events to the other person at start and end."""

import heapq
import logging
import threading
import time
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError

from chat import events, keys
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class TypingIndicator:
    """A person who is typing in a conversation, and the other person, to whom this is shown."""

    conversation_id: UUID
    user_id: UUID
    username: str
    other_id: UUID

    @property
    def key(self) -> str:
        return keys.typing(self.conversation_id, self.user_id)


def start(indicator: TypingIndicator) -> None:
    """Publish that a person is typing; a repeated call extends it by TYPING_TTL.

    While Redis is unavailable, this process's timer still ends the indicator.
    """
    try:
        redis_client().set(indicator.key, indicator.username, px=settings.TYPING_TTL)
    except RedisError as error:
        logger.warning("typing state not saved: %s", error)
    _timer.schedule(indicator)
    events.publish_typing_active(
        indicator.conversation_id, indicator.user_id, indicator.username, indicator.other_id
    )


def stop(indicator: TypingIndicator) -> None:
    """Publish that a person stopped typing, if they were."""
    was_scheduled = _timer.cancel(indicator)
    try:
        was_stored = bool(redis_client().delete(indicator.key))
    except RedisError as error:
        logger.warning("typing state not deleted: %s", error)
        was_stored = False
    if was_scheduled or was_stored:
        _publish_inactive(indicator)


def stop_if_started_here(indicator: TypingIndicator) -> None:
    """Stop the indicator of a person whose message was sent.

    Only if it was started in this process, which is usual for a client with one connection: a Redis call
    after every message would cost more than leaving other indicators to expire.
    """
    if _timer.has(indicator):
        stop(indicator)


def _expire(indicator: TypingIndicator) -> None:
    try:
        if redis_client().exists(indicator.key):
            return  # extended by another process, whose timer will end it
    except RedisError as error:
        logger.warning("typing state read failed: %s", error)
    _publish_inactive(indicator)


def _publish_inactive(indicator: TypingIndicator) -> None:
    events.publish_typing_inactive(
        indicator.conversation_id, indicator.user_id, indicator.username, indicator.other_id
    )


class _ExpiryTimer:
    """Ends indicators that were not extended, on one thread per process that runs only while there are any.

    Redis deletes the key by itself, but reports that only if `notify-keyspace-events` is set on the server.
    """

    MARGIN = 0.05  # seconds, so that the key has expired when it is checked

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[TypingIndicator, float] = {}
        self._queue: list[tuple[float, TypingIndicator]] = []
        self._is_running = False

    def schedule(self, indicator: TypingIndicator) -> None:
        deadline = time.monotonic() + settings.TYPING_TTL.total_seconds() + self.MARGIN
        with self._lock:
            self._deadlines[indicator] = deadline
            heapq.heappush(self._queue, (deadline, indicator))
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="typing", daemon=True).start()

    def has(self, indicator: TypingIndicator) -> bool:
        return indicator in self._deadlines

    def cancel(self, indicator: TypingIndicator) -> bool:
        with self._lock:
            return self._deadlines.pop(indicator, None) is not None

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._is_running = False
                    return
                deadline, indicator = self._queue[0]
                wait = deadline - time.monotonic()
                if wait <= 0:
                    heapq.heappop(self._queue)
                    is_due = self._deadlines.get(indicator) == deadline
                    if is_due:
                        del self._deadlines[indicator]
            if wait > 0:
                # No indicator that is added meanwhile can be due earlier, because all last equally long.
                time.sleep(wait)
            elif is_due:
                _expire(indicator)


_timer = _ExpiryTimer()
