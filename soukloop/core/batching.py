"""Work that is cheaper for many at once than for each: whoever comes first does it for all who wait."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

_WAIT = 30.0  # seconds; a database's own time limits end sooner


class ThreadBatcher(Generic[K, T, R]):
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


class AsyncBatcher(Generic[T, R]):
    """The same for coroutines of one event loop: `await work(items)` for those who came meanwhile."""

    def __init__(self, work: Callable[[list[T]], Awaitable[list[R]]], *, most: int = 200) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        return await self.begin(item)

    def begin(self, item: T) -> "asyncio.Future[R]":
        """Hand in an item whose result is wanted later."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._go_on())
        return future

    async def _go_on(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results = await self._work([item for item, _ in group])
            except Exception as error:
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), result in zip(group, results, strict=True):
                    if not future.done():
                        future.set_result(result)


def _tried(work: Callable[[list[T]], list[R]], item: T) -> tuple[R | None, Exception | None]:
    try:
        return work([item])[0], None
    except Exception as error:
        return None, error
