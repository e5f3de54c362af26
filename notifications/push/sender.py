"""The process that sends pushes: claims those that are due, sends them, and writes what became of them."""

import asyncio
import contextlib
import logging
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import Error, connections
from psycopg_pool import PoolTimeout

from notifications.push.channels import (
    Busy,
    Channel,
    Lost,
    Outcome,
    Refused,
    Sent,
    Unregistered,
    open_channels,
)
from notifications.push.claims import Claimed, claim, with_connection, write
from notifications.push.console import ConsoleChannel, print_push
from notifications.push.messages import Delivery
from notifications.push.results import count_push
from notifications.push.servers import Server
from notifications.services.pushes import ClaimedPush, FinishedPush, lose_abandoned_pushes

logger = logging.getLogger(__name__)
T = TypeVar("T")

_POLL_SECONDS = 0.2  # how soon a push goes out whose transaction has committed
_CLAIM_MAX = 1000  # pushes in one transaction
_CLAIMED_MAX = 4000  # pushes in memory
_WRITE_SECONDS = 0.05  # one UPDATE for all that finished meanwhile
_WRITE_MAX = 2000  # pushes in one UPDATE
_LOOK_FOR_ABANDONED_SECONDS = 10.0
_ANSWERS_AFTER_END_SECONDS, _WRITES_AFTER_END_SECONDS = 5.0, 3.0
_SERVERS_MAX = 200
HEARTBEAT = Path(tempfile.gettempdir()) / "soukloop-pusher"


class Sender:
    """All pushes of this process, from `run` to its end."""

    def __init__(self, channels: dict[str, Channel] | None = None) -> None:
        self.channels = open_channels() if channels is None else channels
        self._servers: dict[str, Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._claimed = 0  # and not finished
        self._finished: list[FinishedPush] = []
        self._unregistered: list[tuple[UUID, str]] = []
        self._ending = asyncio.Event()
        # Django keeps a connection for each thread: one claims, the other writes.
        self._claims, self._writes = (
            ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("claims", "writes")
        )
        self._is_over = False
        self._is_database_known_unavailable = False

    def end(self) -> None:
        """Claim no more, and end once the requests that are open are answered, or some seconds later."""
        self._ending.set()

    async def run(self) -> None:
        """Send until `end` is called."""
        writing = asyncio.create_task(self._write_for_ever())
        looking = asyncio.create_task(self._look_for_abandoned())
        try:
            await self._claim_until_end()
        finally:
            looking.cancel()
            for server in self._servers.values():
                self._put_back(server)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_ANSWERS_AFTER_END_SECONDS)
            for task in self._tasks:
                task.cancel()  # each writes that its push is lost
            await asyncio.gather(looking, *self._tasks, return_exceptions=True)
            # Not cancelled: what it is about to write would be lost.
            self._is_over = True
            await writing
            await self._write_the_rest()
            for channel in self.channels.values():
                await channel.close()
            for thread in (self._claims, self._writes):
                await asyncio.get_running_loop().run_in_executor(thread, connections.close_all)
                thread.shutdown()

    # Claiming

    async def _claim_until_end(self) -> None:
        while not self._ending.is_set():
            self._forget_idle_servers()
            limit = min(_CLAIM_MAX, _CLAIMED_MAX - self._claimed)
            claimed = Claimed()
            if limit > 0:
                full = [name for name, server in self._servers.items() if server.is_full]
                claimed = await self._ask(self._claims, partial(claim, limit, full)) or claimed
            for push, status in claimed.unneeded:
                self._claimed += 1
                is_asked_again = status == "pending"
                delay = settings.PUSH_ATTENDED_ASKED_AGAIN.total_seconds() if is_asked_again else 0.0
                self._finish(push, status, result="" if is_asked_again else None, delay=delay)
            for delivery in claimed.deliveries:
                self._claimed += 1
                self._begin(delivery)
            count = len(claimed.deliveries) + len(claimed.unneeded)
            with contextlib.suppress(OSError):
                HEARTBEAT.touch()
            # With fewer than wanted, no others are due, or they go to servers that are full.
            await self._pause(0.0 if count == limit else _POLL_SECONDS if not count else _POLL_SECONDS / 4)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()

    def _begin(self, delivery: Delivery) -> None:
        push = delivery.push
        if self._ending.is_set():
            self._finish(push, "pending", "", "")
            return
        server = self._servers.get(push.server)
        if server is None:
            channel = self.channels.get(push.platform)
            if channel is None:
                self._finish(push, "refused", f"no credentials for {push.platform}")
                return
            server = self._servers[push.server] = Server(push.server, channel, self._start)
        server.add(delivery)
        if server.pause_left:
            self._put_back(server)

    def _forget_idle_servers(self) -> None:
        if len(self._servers) > _SERVERS_MAX:
            self._servers = {name: server for name, server in self._servers.items() if not server.is_idle}

    # Sending

    def _start(self, server: Server, delivery: Delivery) -> None:
        task = asyncio.create_task(self._send(server, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, server: Server, delivery: Delivery) -> None:
        push, target, message = delivery
        outcome: Outcome
        if settings.DEBUG and not isinstance(server.channel, ConsoleChannel):
            print_push(target, message)
        try:
            outcome = await server.channel.send(target, message)
        except asyncio.CancelledError:
            outcome = Lost("the sender ended before the answer came")
        except Exception as error:
            logger.exception("push %s to %s failed", push.id, push.platform)
            outcome = Refused(repr(error))
        server.active -= 1
        self._handle(server, push, outcome)
        if server.pause_left:
            self._put_back(server)
        else:
            server.send_waiting()

    def _handle(self, server: Server, push: ClaimedPush, outcome: Outcome) -> None:
        match outcome:
            case Sent():
                server.took()
                self._finish(push, "sent")
            case Unregistered(error=error):
                server.took()
                self._unregistered.append((push.device_id, push.token))
                self._finish(push, "refused", error, "unregistered")
            case Refused(error=error):
                server.took()
                logger.warning("push %s was refused by %s: %s", push.id, server.name, error)
                self._finish(push, "refused", error)
            case Lost(error=error):
                if server.was_silent():
                    logger.warning("%s does not answer: %s", server.name, error)
                self._finish(push, "lost", error)
            case Busy(error=error, retry_after=seconds):
                if not server.pause_left:
                    logger.warning("%s takes no pushes now: %s", server.name, error)
                pause = server.pause(seconds)
                # One device's push may be what is wrong: the others go first after the pause.
                self._finish(push, "pending", error, "busy", delay=pause + (0.5 if seconds is None else 0.0))

    def _put_back(self, server: Server) -> None:
        """Let any process claim those again that were not sent."""
        for delivery in server.take_waiting():
            self._finish(delivery.push, "pending", "", "", delay=server.pause_left)

    # Writing

    def _finish(
        self, push: ClaimedPush, status: str, error: str = "", result: str | None = None, delay: float = 0.0
    ) -> None:
        """Write what became of a push soon, and count it as `result`."""
        self._finished.append(FinishedPush(push.id, push.version, status, error, delay))
        if counted := status if result is None else result:
            count_push(push.platform, counted)

    async def _write_for_ever(self) -> None:
        while not self._is_over:
            await asyncio.sleep(_WRITE_SECONDS)
            await self._write()

    async def _write_the_rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WRITES_AFTER_END_SECONDS):
                while self._finished:
                    await self._write()
                    await asyncio.sleep(_WRITE_SECONDS)

    async def _write(self) -> None:
        """Write all that finished; what can't be written now is written by the next call."""
        while self._finished:
            finished, self._finished = self._finished[:_WRITE_MAX], self._finished[_WRITE_MAX:]
            unregistered, self._unregistered = self._unregistered, []
            locked = await self._ask(self._writes, partial(write, finished, unregistered))
            if locked is None:
                self._finished, self._unregistered = (
                    finished + self._finished,
                    unregistered + self._unregistered,
                )
                return
            left = [each for each in finished if each.id in locked]
            self._claimed -= len(finished) - len(left)
            if left:
                self._finished += left
                return

    async def _look_for_abandoned(self) -> None:
        while True:
            for status, platform in await self._ask(self._writes, lose_abandoned_pushes) or ():
                logger.error("a push to %s was claimed by a sender that is gone: %s", platform, status)
                count_push(platform, status)
            await asyncio.sleep(_LOOK_FOR_ABANDONED_SECONDS)

    async def _ask(self, thread: ThreadPoolExecutor, ask: Callable[[], T]) -> T | None:
        """Ask PostgreSQL in a thread; None while it is unavailable."""
        try:
            answer = await asyncio.get_running_loop().run_in_executor(thread, with_connection, ask)
        except (Error, PoolTimeout) as error:
            if not self._is_database_known_unavailable:
                logger.warning("PostgreSQL is unavailable, pushes wait: %s", error)
            self._is_database_known_unavailable = True
            return None
        self._is_database_known_unavailable = False
        return answer


async def run_sender() -> None:
    """Send pushes until the process is told to end."""
    say_what_is_missing()
    sender = Sender()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, sender.end)
    await sender.run()


def say_what_is_missing() -> None:
    """Log once which pushes don't go out for lack of credentials."""
    what = "printed here" if settings.DEBUG else "refused"
    if not settings.FCM_CREDENTIALS:
        logger.warning("FCM_CREDENTIALS is not set: pushes to apps are %s", what)
    if not settings.VAPID_PRIVATE_KEY:
        logger.warning("VAPID_PRIVATE_KEY is not set: pushes to browsers are %s", what)
