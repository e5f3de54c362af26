"""Work that is cheaper for many at once than for each: whoever comes first does it for all who wait."""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

_WAIT = 30.0  # seconds; a database's own time limits end sooner


class Together(Generic[K, T, R]):
    """Callers in threads hand in an item and wait for its result.

    `work(key, items)` returns a result for each item. Alone, a caller does its own work at once. While work
    is under way for a key, those who come gather, and the first of them does theirs when that is done; nobody
    waits for company. When work for several fails, it is done again for each, so that nobody fails for
    another's reason.
    """

    def __init__(self, work: Callable[[K, list[T]], list[R]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._gathering: dict[K, _Group[T, R]] = {}
        self._at_work: dict[K, _Group[T, R]] = {}

    def __call__(self, key: K, item: T) -> R:
        with self._lock:
            group = self._gathering.get(key)
            is_first = group is None
            if group is None:
                group = self._gathering[key] = _Group(self._at_work.get(key))
            place = len(group.items)
            group.items.append(item)
        if is_first:
            self._lead(key, group)
        return group.result(place)

    def _lead(self, key: K, group: "_Group[T, R]") -> None:
        if group.before is not None:
            group.before.done.wait(_WAIT)
            group.before = None
        with self._lock:
            del self._gathering[key]
            self._at_work[key] = group
        try:
            group.carry_out(lambda items: self._work(key, items))
        finally:
            with self._lock:
                if self._at_work.get(key) is group:
                    del self._at_work[key]
            group.done.set()


class _Group(Generic[T, R]):
    """Items that are worked on together, after the group before them."""

    def __init__(self, before: "_Group[T, R] | None") -> None:
        self.before = before
        self.items: list[T] = []
        self.done = threading.Event()
        self._results: list[Any] = []

    def carry_out(self, work: Callable[[list[T]], list[R]]) -> None:
        try:
            self._results = [(result, None) for result in work(self.items)]
        except Exception as error:
            if len(self.items) == 1:
                self._results = [(None, error)]
                return
            self._results = [_tried(work, item) for item in self.items]

    def result(self, place: int) -> R:
        if not self.done.wait(_WAIT):
            raise TimeoutError("work for several was not done in time")
        result, error = self._results[place]
        if error is not None:
            raise error
        done: R = result
        return done


def _tried(work: Callable[[list[T]], list[R]], item: T) -> tuple[R | None, Exception | None]:
    try:
        return work([item])[0], None
    except Exception as error:
        return None, error
