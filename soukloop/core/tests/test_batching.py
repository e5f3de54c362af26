"""Concurrent calls share batches, results reach their callers, failures only those who caused them."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from soukloop.core.batching import AsyncBatcher, ThreadBatcher


class Work:
    """Doubles numbers once `may_continue` is set; fails for a negative one."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_continue = threading.Event()
        self.has_started = threading.Event()

    def __call__(self, key: str, items: list[int]) -> list[int]:
        self.batches.append(list(items))
        self.has_started.set()
        self.may_continue.wait(10)
        if min(items) < 0:
            raise ValueError(min(items))
        return [2 * item for item in items]


@pytest.fixture
def work() -> Any:
    return Work()


@pytest.fixture
def threads() -> Iterator[Any]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def wait_until_waiting(batcher: ThreadBatcher, count: int) -> None:
    """Wait until the next batch has this many items."""
    for _ in range(1000):
        if any(len(batch.items) == count for batch in batcher._next.values()):
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"the next batch did not get {count} items")


def test_a_single_call_does_not_wait(work: Any) -> None:
    work.may_continue.set()
    batcher = ThreadBatcher(work)
    assert [batcher("room", number) for number in range(3)] == [0, 2, 4]
    assert work.batches == [[0], [1], [2]]


def test_calls_during_a_batch_share_the_next_one_and_each_gets_its_own_result(
    work: Any, threads: Any
) -> None:
    batcher = ThreadBatcher(work)
    first = threads.submit(batcher, "room", 100)
    assert work.has_started.wait(10)
    others = [threads.submit(batcher, "room", number) for number in range(20)]
    wait_until_waiting(batcher, 20)
    work.may_continue.set()
    assert first.result(10) == 200
    assert [other.result(10) for other in others] == [2 * number for number in range(20)]
    assert [len(batch) for batch in work.batches] == [1, 20]


def test_calls_with_another_key_do_not_wait(work: Any, threads: Any) -> None:
    batcher = ThreadBatcher(work)
    held = threads.submit(batcher, "room", 1)
    assert work.has_started.wait(10)
    other = threads.submit(batcher, "another room", 2)
    for _ in range(1000):
        if len(work.batches) == 2:
            break
        threading.Event().wait(0.005)
    assert work.batches == [[1], [2]]
    work.may_continue.set()
    assert (held.result(10), other.result(10)) == (2, 4)


def test_the_failure_of_one_call_does_not_fail_the_others(work: Any, threads: Any) -> None:
    batcher = ThreadBatcher(work)
    first = threads.submit(batcher, "room", 1)
    assert work.has_started.wait(10)
    good = [threads.submit(batcher, "room", number) for number in range(5)]
    bad = threads.submit(batcher, "room", -1)
    wait_until_waiting(batcher, 6)
    work.may_continue.set()
    with pytest.raises(ValueError, match="-1"):
        bad.result(10)
    assert [each.result(10) for each in [first, *good]] == [2, 0, 2, 4, 6, 8]


def test_many_concurrent_calls_are_all_answered_and_leave_no_state(threads: Any) -> None:
    batcher: ThreadBatcher[int, int, int] = ThreadBatcher(lambda key, items: [key + item for item in items])
    done = [threads.submit(batcher, number % 3, number) for number in range(3000)]
    assert [each.result(10) for each in done] == [number % 3 + number for number in range(3000)]
    assert not batcher._next
    assert not batcher._current


async def test_calls_on_an_event_loop_share_the_next_batch() -> None:
    batches: list[list[int]] = []
    may_continue = asyncio.Event()

    async def work(items: list[int]) -> list[int]:
        batches.append(items)
        await may_continue.wait()
        if -1 in items:
            raise ValueError("minus one")
        return [2 * item for item in items]

    batcher = AsyncBatcher(work, size_max=10)
    tasks = [asyncio.create_task(batcher(number)) for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(batcher(number)) for number in range(100, 125)]
    bad = asyncio.create_task(batcher(-1))
    await asyncio.sleep(0)
    later[0].cancel()
    may_continue.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert await asyncio.gather(*later[1:20]) == [2 * number for number in range(101, 120)]
    failed = await asyncio.gather(*later[20:], bad, return_exceptions=True)
    assert [str(error) for error in failed] == ["minus one"] * 6
    assert [len(batch) for batch in batches] == [5, 10, 10, 6]
    assert await batcher(7) == 14
