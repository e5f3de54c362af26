"""The line in which uploads wait for a thread: bounded, and fair between people."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.conf import settings

from soukloop.core.errors import Busy


class UploadQueue:
    """Let UPLOADS_AT_ONCE uploads run; the others wait without a thread or a connection to PostgreSQL.

    People take turns, so that somebody who sends forty pictures delays another person by one. When the line
    is full, or a person has UPLOADS_WAITING_PER_PERSON in it, further uploads are refused. Belongs to one
    event loop.
    """

    def __init__(self) -> None:
        self._running = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()  # by person

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[None]:
        """Wait for a turn; raises Busy if the line is full, or after UPLOAD_WAIT_MAX."""
        if self._running < settings.UPLOADS_AT_ONCE and not self._waiting:
            self._running += 1
        else:
            await self._wait(person)
        try:
            yield
        finally:
            self._end_turn()

    async def _wait(self, person: str) -> None:
        mine = self._waiting.get(person, deque())
        waiting = sum(map(len, self._waiting.values()))
        if waiting >= settings.UPLOADS_WAITING_MAX or len(mine) >= settings.UPLOADS_WAITING_PER_PERSON:
            raise Busy
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.append(turn)
        self._waiting[person] = mine
        try:
            async with asyncio.timeout(settings.UPLOAD_WAIT_MAX.total_seconds()):
                await turn
        except BaseException as error:  # the client may also have disconnected
            if turn.done() and not turn.cancelled():
                self._end_turn()
            else:
                self._remove(person, turn)
            if isinstance(error, TimeoutError):
                raise Busy from None
            raise

    def _remove(self, person: str, turn: "asyncio.Future[None]") -> None:
        mine = self._waiting.get(person)
        if mine is not None and turn in mine:
            mine.remove(turn)
            if not mine:
                del self._waiting[person]

    def _end_turn(self) -> None:
        self._running -= 1
        while self._waiting:
            person, mine = self._waiting.popitem(last=False)
            turn = mine.popleft()
            if mine:
                self._waiting[person] = mine  # at the end
            if not turn.done():
                self._running += 1
                turn.set_result(None)
                return
