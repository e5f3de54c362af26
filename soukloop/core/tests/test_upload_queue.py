"""The line of waiting uploads: bounded, fair, and without leaks when somebody leaves it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from soukloop.core.errors import Busy
from soukloop.core.http.upload_queue import UploadQueue


@pytest.fixture(autouse=True)
def small(settings: Any) -> None:
    settings.UPLOADS_AT_ONCE = 1
    settings.UPLOADS_WAITING_MAX = 5
    settings.UPLOADS_WAITING_PER_PERSON = 3
    settings.UPLOAD_WAIT_MAX = timedelta(seconds=5)


class Uploads:
    """Uploads that run until they are let go, in the order in which they got their turn."""

    def __init__(self) -> None:
        self.queue = UploadQueue()
        self.began: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._may_end: dict[str, asyncio.Event] = {}

    async def start(self, name: str) -> asyncio.Task[None]:
        """Start an upload of the person whose letter the name begins with."""
        self._may_end[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._run(name))
        await asyncio.sleep(0)
        return self.tasks[name]

    async def finish(self, name: str) -> None:
        self._may_end[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _run(self, name: str) -> None:
        async with self.queue.turn(name[0]):
            self.began.append(name)
            await self._may_end[name].wait()


async def test_people_take_turns_however_many_uploads_one_of_them_sends() -> None:
    uploads = Uploads()
    for name in ("a1", "a2", "a3", "a4", "b1", "b2"):
        await uploads.start(name)
    assert uploads.began == ["a1"]
    for name in ("a1", "a2", "b1", "a3", "b2", "a4"):
        await uploads.finish(name)
    assert uploads.began == ["a1", "a2", "b1", "a3", "b2", "a4"]
    assert uploads.queue._running == 0


async def test_a_full_line_and_a_persons_full_share_are_refused_at_once() -> None:
    uploads = Uploads()
    for name in ("a1", "a2", "a3", "a4"):
        await uploads.start(name)
    with pytest.raises(Busy):
        await (await uploads.start("a5"))
    for name in ("b1", "b2"):
        await uploads.start(name)
    with pytest.raises(Busy):
        await (await uploads.start("c1"))
    await uploads.finish("a1")
    assert not (await uploads.start("c2")).done()


async def test_an_upload_that_waited_too_long_is_refused_and_leaves_its_place(settings: Any) -> None:
    settings.UPLOAD_WAIT_MAX = timedelta(seconds=0.02)
    uploads = Uploads()
    await uploads.start("a1")
    with pytest.raises(Busy):
        await (await uploads.start("b1"))
    settings.UPLOAD_WAIT_MAX = timedelta(seconds=5)
    await uploads.start("c1")
    await uploads.finish("a1")
    assert uploads.began == ["a1", "c1"]


async def test_a_client_that_leaves_gives_its_turn_to_the_next() -> None:
    uploads = Uploads()
    for name in ("a1", "b1", "c1"):
        await uploads.start(name)
    uploads.tasks["b1"].cancel()
    await asyncio.sleep(0)
    await uploads.finish("a1")
    assert uploads.began == ["a1", "c1"]
    uploads.tasks["c1"].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await uploads.start("d1")
    assert uploads.began == ["a1", "c1", "d1"]


async def test_a_client_that_leaves_just_as_its_turn_comes_does_not_keep_it() -> None:
    uploads = Uploads()
    for name in ("a1", "b1", "c1"):
        await uploads.start(name)
    uploads._may_end["a1"].set()
    await uploads.tasks["a1"]  # the turn is b1's now, which has not run since
    uploads.tasks["b1"].cancel()
    for _ in range(4):
        await asyncio.sleep(0)
    assert uploads.queue._running == 1
    assert uploads.began[-1] == "c1"
