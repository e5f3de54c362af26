"""Batching of concurrent calls whose work costs little more for many than for one."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

_WAIT_MAX = 30.0  # seconds; a database's own time limits end sooner


class ThreadBatcher(Generic[K, T, R]):
    """Batch calls from threads: each submits an item and waits for its result.

    `work(key, items)` returns a result for each item. A single caller works at once. While one batch of a key
    is worked on, later callers form the next, which the first of them carries out when its predecessor is
    done; nobody waits for a batch to fill. When the work for several fails, it is repeated for each alone, so
    that an item fails only for a reason of its own.
    """

    def __init__(self, work: Callable[[K, list[T]], list[R]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._next: dict[K, _Batch[T, R]] = {}
        self._current: dict[K, _Batch[T, R]] = {}

    def __call__(self, key: K, item: T) -> R:
        with self._lock:
            batch = self._next.get(key)
            is_first = batch is None
            if batch is None:
                batch = self._next[key] = _Batch(self._current.get(key))
            place = len(batch.items)
            batch.items.append(item)
        if is_first:
            self._lead(key, batch)
        return batch.result(place)

    def _lead(self, key: K, batch: "_Batch[T, R]") -> None:
        if batch.before is not None:
            batch.before.done.wait(_WAIT_MAX)
            batch.before = None
        with self._lock:
            del self._next[key]
            self._current[key] = batch
        try:
            batch.run(lambda items: self._work(key, items))
        finally:
            with self._lock:
                if self._current.get(key) is batch:
                    del self._current[key]
            batch.done.set()


class _Batch(Generic[T, R]):
    """Items that are worked on together, once the batch before them is done."""

    def __init__(self, before: "_Batch[T, R] | None") -> None:
        self.before = before
        self.items: list[T] = []
        self.done = threading.Event()
        self._results: list[Any] = []

    def run(self, work: Callable[[list[T]], list[R]]) -> None:
        try:
            self._results = [(result, None) for result in work(self.items)]
        except Exception as error:
            if len(self.items) == 1:
                self._results = [(None, error)]
                return
            self._results = [_result_or_error(work, item) for item in self.items]

    def result(self, place: int) -> R:
        if not self.done.wait(_WAIT_MAX):
            raise TimeoutError(f"no result after {_WAIT_MAX:g} s")
        result, error = self._results[place]
        if error is not None:
            raise error
        done: R = result
        return done


class AsyncBatcher(Generic[T, R]):
    """The same for coroutines of one event loop: one `await work(items)` at a time."""

    def __init__(self, work: Callable[[list[T]], Awaitable[list[R]]], *, size_max: int = 200) -> None:
        self._work = work
        self._size_max = size_max
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        return await self.submit(item)

    def submit(self, item: T) -> "asyncio.Future[R]":
        """Submit an item, and return the future of its result."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work_off())
        return future

    async def _work_off(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._size_max], self._waiting[self._size_max :]
            try:
                results = await self._work([item for item, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)


def _result_or_error(work: Callable[[list[T]], list[R]], item: T) -> tuple[R | None, Exception | None]:
    try:
        return work([item])[0], None
    except Exception as error:
        return None, error
