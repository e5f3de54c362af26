"""One per process: subscribed once to each room that has members here, hands each event to all of them."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings

from soukloop.core import jsonlib
from soukloop.realtime.events import EVENTS, Merge
from soukloop.realtime.frames import Batch, Frame
from soukloop.realtime.members import SESSION_ENDED, Member
from soukloop.realtime.publisher import publisher

logger = logging.getLogger(__name__)

# A write costs a system call, whatever it carries. So a big room's events wait for one another a little: from
# one time that it is written to to the next, 10 µs a member (a room of 500: 5 ms) and never longer than a
# person would notice. After a silence what somebody wrote goes out at once; a reaction waits even then, or a
# message right behind it would wait for its turn.
AT_ONCE_UP_TO = 50
WAIT_PER_MEMBER = 10e-6
WAIT_MAX = 0.1
LINGER = 5.0  # seconds an empty room stays subscribed: whoever reloads a page comes back
MESSAGES_PER_TURN = 32


class Room:
    """A room's members in this process, and what waits to go out to them."""

    __slots__ = (
        "flushed_at",
        "guard",
        "hub",
        "is_subscribed",
        "lock",
        "members",
        "merges",
        "name",
        "pending",
        "timer",
    )

    def __init__(self, hub: "Hub", name: str) -> None:
        self.hub = hub
        self.name = name
        self.members: dict[str, Member] = {}
        self.lock = asyncio.Lock()
        self.guard = threading.Lock()  # over who is a member and whether the room may be let go of
        self.is_subscribed = False
        self.flushed_at = 0.0
        self.pending: list[Frame] = []
        self.timer: asyncio.TimerHandle | None = None
        self.merges: dict[str, Merging] = {}

    def receive(self, message: dict[str, Any]) -> None:
        """Take an event that was published to this room."""
        name, data = message["event"], message["data"]
        spec = EVENTS.get(name)
        if spec is not None and spec.merge is not None:
            merging = self.merges.get(name)
            if merging is None:
                merging = self.merges[name] = Merging(self, name, spec.merge)
            if not merging.let_through(data):
                return
        frame = Frame(name, data, is_ephemeral=spec is not None and spec.ephemeral)
        left_out, elsewhere = message.get("except"), message.get("unless_in")
        if elsewhere is not None or (left_out is not None and left_out in self.members):
            self.flush()
            batch = Batch([frame])
            for member in list(self.members.values()):
                if member.connection_id != left_out and elsewhere not in member.rooms:
                    member.deliver(batch)
        else:
            self.send(frame)

    def send(self, frame: Frame) -> None:
        """Send to every member, together with what else comes within the room's moment."""
        self.pending.append(frame)
        if len(self.members) <= AT_ONCE_UP_TO:
            self.flush()
        elif self.timer is None:
            self._flush_later(frame)
        elif not frame.is_ephemeral:
            self.timer.cancel()
            self._flush_later(frame)

    def _flush_later(self, frame: Frame) -> None:
        now = time.monotonic()
        wait = min(WAIT_MAX, len(self.members) * WAIT_PER_MEMBER)
        due = now + wait if frame.is_ephemeral else self.flushed_at + wait
        if due <= now:
            self.flush()
        else:
            self.timer = asyncio.get_running_loop().call_later(due - now, self.flush)

    def flush(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if not self.pending:
            return
        frames, self.pending = self.pending, []
        batch = Batch(frames)
        for member in list(self.members.values()):
            member.deliver(batch)
        self.flushed_at = time.monotonic()

    def admit(self, member: Member) -> None:
        self.members[member.connection_id] = member
        member.rooms.add(self.name)


class Merging:
    """Holds back what comes of one event above its limit, and lets it out merged once a tick."""

    __slots__ = ("event", "held", "recent", "room", "rule")

    def __init__(self, room: Room, event: str, rule: Merge) -> None:
        self.room = room
        self.event = event
        self.rule = rule
        self.recent: deque[float] = deque(maxlen=rule.per_second)
        self.held: list[bytes] = []

    def let_through(self, data: bytes) -> bool:
        now = time.monotonic()
        is_storm = len(self.recent) == self.rule.per_second and now - self.recent[0] < 1.0
        if is_storm or self.held:
            if not self.held:
                delay = settings.SOCKET_TICK.total_seconds()
                asyncio.get_running_loop().call_later(delay, self._let_out)
            self.held.append(data)
            return False
        self.recent.append(now)
        return True

    def _let_out(self) -> None:
        held, self.held = self.held, []
        for data in self.rule.combine([jsonlib.loads(data) for data in held]):
            self.room.send(Frame(self.event, jsonlib.dumps(data), is_ephemeral=True))


class Hub:
    """The members of this process and the rooms they are in. Lives on one event loop."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {}
        self.threads = ThreadPoolExecutor(settings.SOCKET_COMMAND_THREADS, thread_name_prefix="command")
        self.loop: asyncio.AbstractEventLoop | None = None
        # Takes a connection out of a room by order from afar; set by `lifecycle`, which runs the apps' hooks.
        self.put_out: Callable[[Member, dict[str, Any]], Coroutine[Any, Any, None]] | None = None
        self._started: asyncio.Future[None] | None = None
        self._channel = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> bool:
        """Listen to the channel layer; return whether this call was the first to ask for it."""
        if self._started is not None:
            await self._started
            return False
        self.loop = asyncio.get_running_loop()
        self._started = self.loop.create_future()
        publisher.adopt(self.loop)
        layer = get_channel_layer()
        layer.when_reconnected(self._tell_resync)
        self._channel = await layer.new_channel()
        self.spawn(self._listen())
        self._started.set_result(None)
        return True

    async def stop(self) -> None:
        """Let go of the loop; the connections are the server's to close."""
        for task in self._tasks:
            task.cancel()
        if self.loop is not None:
            publisher.release(self.loop)

    def spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def add(self, member: Member) -> None:
        self.members[member.connection_id] = member

    def remove(self, member: Member) -> None:
        """Forget a connection that is gone."""
        member.is_gone = True
        member.waiting = None
        self.members.pop(member.connection_id, None)
        for room in list(member.rooms):
            self.leave(member, room)

    async def join(self, member: Member, name: str) -> None:
        """Return once what is published to the room reaches the member."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(self, name)
        room.admit(member)
        if member.is_gone:
            return self.leave(member, name)
        if not room.is_subscribed:
            async with room.lock:
                if not room.is_subscribed:
                    await get_channel_layer().group_add(name, self._channel)
                    room.is_subscribed = True
        return None

    def join_at_once(self, member: Member, name: str) -> bool:
        """Join a room that this process hears already; called by a command's thread.

        To ask the loop and wait for its answer takes longer than all the rest of a join.
        """
        room = self.rooms.get(name)
        if room is None:
            return False
        with room.guard:
            if not room.is_subscribed or member.is_gone:
                return False
            room.admit(member)
        return True

    def leave(self, member: Member, name: str) -> None:
        member.rooms.discard(name)
        room = self.rooms.get(name)
        if room is None:
            return
        room.members.pop(member.connection_id, None)
        if not room.members:
            asyncio.get_running_loop().call_later(LINGER, lambda: self.spawn(self._unsubscribe(room)))

    async def _unsubscribe(self, room: Room) -> None:
        async with room.lock:
            with room.guard:
                if room.members or self.rooms.get(room.name) is not room:
                    return
                room.is_subscribed = False
            await get_channel_layer().group_discard(room.name, self._channel)
            if not room.members:
                del self.rooms[room.name]

    async def _listen(self) -> None:
        layer = get_channel_layer()
        since_turn = 0
        while True:
            message = await layer.receive(self._channel)
            try:
                self._handle(message)
            except Exception:
                logger.exception("an event could not be delivered")
            since_turn += 1
            if since_turn >= MESSAGES_PER_TURN:
                since_turn = 0
                await asyncio.sleep(0)  # receive() doesn't yield while messages are there

    def _handle(self, message: dict[str, Any]) -> None:
        room = self.rooms.get(message["room"])
        if room is None:
            return
        if message["type"] == "event":
            room.receive(message)
        elif message["type"] == "close":
            for member in list(room.members.values()):
                self.end_session(member, message["reason"])
        elif message["type"] == "leave" and self.put_out is not None:
            for member in list(room.members.values()):
                self.spawn(self.put_out(member, message))

    def end_session(self, member: Member, reason: str) -> None:
        """Close a connection whose person may not be here any more, and say why."""
        member.emit("error", {"code": "session_ended", "message": reason, "details": {}})
        member.close(SESSION_ENDED, reason)

    def _tell_resync(self) -> None:
        """Tell every room that events may have been missed."""
        for room in list(self.rooms.values()):
            room.send(Frame("resync", jsonlib.dumps({"room": room.name})))


hub = Hub()
