"""Typing indicators (contract 3.5): a Redis key of 5 s, and an event to the other side on start and end."""

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
class Typist:
    """One person writing to another."""

    conversation_id: UUID
    user_id: UUID
    username: str
    other_id: UUID

    @property
    def key(self) -> str:
        return keys.typing(self.conversation_id, self.user_id)


def start(typist: Typist) -> None:
    """Tell the other side that somebody is writing; said again, it holds for another TYPING_TTL.

    Without Redis it still works as long as both are on one process' word: the clock below ends it.
    """
    try:
        redis_client().set(typist.key, typist.username, px=settings.TYPING_TTL)
    except RedisError as error:
        logger.warning("typing isn't kept: %s", error)
    _clock.watch(typist)
    events.typing_active(typist.conversation_id, typist.user_id, typist.username, typist.other_id)


def stop(typist: Typist) -> None:
    """Tell the other side that somebody stopped, if they were writing."""
    was_watched = _clock.forget(typist)
    try:
        was_kept = bool(redis_client().delete(typist.key))
    except RedisError as error:
        logger.warning("typing isn't cleared: %s", error)
        was_kept = False
    if was_watched or was_kept:
        _tell_inactive(typist)


def stop_if_known(typist: Typist) -> None:
    """Stop for who wrote what they were typing.

    Only if it was to this process that they said they were typing, as a client on one connection does: asking
    Redis after every message costs more than an indicator that goes out by itself.
    """
    if _clock.knows(typist):
        stop(typist)


def _expire(typist: Typist) -> None:
    try:
        if redis_client().exists(typist.key):
            return  # said again to another process, whose clock has it now
    except RedisError as error:
        logger.warning("typing isn't known: %s", error)
    _tell_inactive(typist)


def _tell_inactive(typist: Typist) -> None:
    events.typing_inactive(typist.conversation_id, typist.user_id, typist.username, typist.other_id)


class _Clock:
    """Ends what nobody renewed, on one thread per process that exists only while somebody is writing.

    Redis drops the key by itself but tells nobody, unless a server setting that may not be ours is changed.
    """

    MARGIN = 0.05  # so that the key is gone when we look

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[Typist, float] = {}
        self._queue: list[tuple[float, Typist]] = []
        self._is_running = False

    def watch(self, typist: Typist) -> None:
        deadline = time.monotonic() + settings.TYPING_TTL.total_seconds() + self.MARGIN
        with self._lock:
            self._deadlines[typist] = deadline
            heapq.heappush(self._queue, (deadline, typist))
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="typing", daemon=True).start()

    def knows(self, typist: Typist) -> bool:
        return typist in self._deadlines

    def forget(self, typist: Typist) -> bool:
        with self._lock:
            return self._deadlines.pop(typist, None) is not None

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._is_running = False
                    return
                deadline, typist = self._queue[0]
                wait = deadline - time.monotonic()
                if wait <= 0:
                    heapq.heappop(self._queue)
                    is_over = self._deadlines.get(typist) == deadline
                    if is_over:
                        del self._deadlines[typist]
            if wait > 0:
                # Nothing that comes later can be due earlier: all wait equally long.
                time.sleep(wait)
            elif is_over:
                _expire(typist)


_clock = _Clock()
