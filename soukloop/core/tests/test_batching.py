import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from soukloop.core.batching import AsyncBatcher, ThreadBatcher


class Work:
    """Doubles numbers; holds the first group up until told to go on; fails on what is negative."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.has_begun = threading.Event()

    def __call__(self, key: str, items: list[int]) -> list[int]:
        self.groups.append(list(items))
        self.has_begun.set()
        self.may_go_on.wait(10)
        if min(items) < 0:
            raise ValueError(min(items))
        return [2 * item for item in items]


@pytest.fixture
def work() -> Any:
    return Work()


@pytest.fixture
def crowd() -> Iterator[Any]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def gathered(together: ThreadBatcher, count: int) -> bool:
    return any(len(group.items) == count for group in together._gathering.values())


def when_gathered(together: ThreadBatcher, count: int) -> None:
    for _ in range(1000):
        if gathered(together, count):
            return
        threading.Event().wait(0.005)
    raise AssertionError("they did not gather")


def test_a_single_call_does_not_wait(work: Any) -> None:
    work.may_go_on.set()
    together = ThreadBatcher(work)
    assert [together("room", number) for number in range(3)] == [0, 2, 4]
    assert work.groups == [[0], [1], [2]]


def test_calls_during_a_batch_share_the_next_one_and_each_gets_its_own_result(work: Any, crowd: Any) -> None:
    together = ThreadBatcher(work)
    first = crowd.submit(together, "room", 100)
    assert work.has_begun.wait(10)
    others = [crowd.submit(together, "room", number) for number in range(20)]
    when_gathered(together, 20)
    work.may_go_on.set()
    assert first.result(10) == 200
    assert [other.result(10) for other in others] == [2 * number for number in range(20)]
    assert [len(group) for group in work.groups] == [1, 20]


def test_calls_with_another_key_do_not_wait(work: Any, crowd: Any) -> None:
    together = ThreadBatcher(work)
    held_up = crowd.submit(together, "room", 1)
    assert work.has_begun.wait(10)
    other = crowd.submit(together, "another room", 2)
    for _ in range(1000):
        if len(work.groups) == 2:
            break
        threading.Event().wait(0.005)
    assert work.groups == [[1], [2]]
    work.may_go_on.set()
    assert (held_up.result(10), other.result(10)) == (2, 4)


def test_the_failure_of_one_call_does_not_fail_the_others(work: Any, crowd: Any) -> None:
    together = ThreadBatcher(work)
    first = crowd.submit(together, "room", 1)
    assert work.has_begun.wait(10)
    good = [crowd.submit(together, "room", number) for number in range(5)]
    bad = crowd.submit(together, "room", -1)
    when_gathered(together, 6)
    work.may_go_on.set()
    with pytest.raises(ValueError, match="-1"):
        bad.result(10)
    assert [each.result(10) for each in [first, *good]] == [2, 0, 2, 4, 6, 8]


def test_many_concurrent_calls_are_all_answered_and_leave_no_state(crowd: Any) -> None:
    together: ThreadBatcher[int, int, int] = ThreadBatcher(lambda key, items: [key + item for item in items])
    done = [crowd.submit(together, number % 3, number) for number in range(3000)]
    assert [each.result(10) for each in done] == [number % 3 + number for number in range(3000)]
    assert not together._gathering
    assert not together._at_work


async def test_calls_on_an_event_loop_share_the_next_batch() -> None:
    groups: list[list[int]] = []
    may_go_on = asyncio.Event()

    async def work(items: list[int]) -> list[int]:
        groups.append(items)
        await may_go_on.wait()
        if -1 in items:
            raise ValueError("minus one")
        return [2 * item for item in items]

    together = AsyncBatcher(work, most=10)
    tasks = [asyncio.create_task(together(number)) for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(together(number)) for number in range(100, 125)]
    bad = asyncio.create_task(together(-1))
    await asyncio.sleep(0)
    later[0].cancel()
    may_go_on.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert await asyncio.gather(*later[1:20]) == [2 * number for number in range(101, 120)]
    failed = await asyncio.gather(*later[20:], bad, return_exceptions=True)
    assert [str(error) for error in failed] == ["minus one"] * 6
    assert [len(group) for group in groups] == [5, 10, 10, 6]
    assert await together(7) == 14
