"""The hub, one per process: subscribes to each room of its members, and sends them the room's events."""

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
from django.utils import translation

from soukloop.core import jsonlib
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.events import EVENTS, Merge
from soukloop.realtime.frames import Batch, Frame
from soukloop.realtime.members import CLOSE_SESSION_ENDED, Member
from soukloop.realtime.metrics import DELIVERIES
from soukloop.realtime.publisher import publisher
from soukloop.realtime.sessions import is_closed_by

logger = logging.getLogger(__name__)

# Each write costs a system call, whatever its size, so a big room's events are sent in batches. The interval
# is 10 µs per member (500 members: 5 ms), and never so long that a person would notice. After an interval
# without events, a message is sent immediately. An ephemeral event is delayed even then, because a message
# that follows it would have to wait until it is written to all members.
UNBATCHED_MEMBERS_MAX = 50
BATCH_DELAY_PER_MEMBER = 10e-6
BATCH_DELAY_MAX = 0.1
UNSUBSCRIBE_DELAY = 5.0  # seconds for which an empty room remains subscribed, for members who reload a page
MESSAGES_BEFORE_YIELD = 32


class Room:
    """A room's members in this process, and the events that wait to be sent to them."""

    __slots__ = (
        "flushed_at",
        "hub",
        "is_subscribed",
        "members",
        "members_lock",
        "mergers",
        "name",
        "pending",
        "subscription_lock",
        "timer",
    )

    def __init__(self, hub: "Hub", name: str) -> None:
        self.hub = hub
        self.name = name
        self.members: dict[str, Member] = {}
        self.subscription_lock = asyncio.Lock()
        self.members_lock = threading.Lock()  # held to add a member, and to decide to unsubscribe
        self.is_subscribed = False
        self.flushed_at = 0.0
        self.pending: list[Frame] = []
        self.timer: asyncio.TimerHandle | None = None
        self.mergers: dict[str, Merger] = {}

    def receive(self, message: dict[str, Any]) -> None:
        """Deliver an event that was published to this room."""
        name, data = message["event"], message["data"]
        spec = EVENTS.get(name)
        if spec is not None and spec.merge is not None:
            merger = self.mergers.get(name)
            if merger is None:
                merger = self.mergers[name] = Merger(self, name, spec.merge)
            if merger.hold_if_frequent(data):
                return
        frame = Frame(name, data, is_ephemeral=spec is not None and spec.ephemeral)
        excluded_room = message.get("exclude_members_of")
        if excluded_room is None:
            self.send(frame)
            return
        self.flush()
        batch = Batch([frame])
        members = [member for member in self.members.values() if excluded_room not in member.rooms]
        for member in members:
            member.deliver(batch)
        DELIVERIES.inc(len(members))

    def send(self, frame: Frame) -> None:
        """Send to every member, batched with other events in a big room."""
        self.pending.append(frame)
        if len(self.members) <= UNBATCHED_MEMBERS_MAX:
            self.flush()
        elif self.timer is None:
            self._flush_later(frame)
        elif not frame.is_ephemeral:
            self.timer.cancel()
            self._flush_later(frame)

    def _flush_later(self, frame: Frame) -> None:
        now = time.monotonic()
        delay = min(BATCH_DELAY_MAX, len(self.members) * BATCH_DELAY_PER_MEMBER)
        due = now + delay if frame.is_ephemeral else self.flushed_at + delay
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
        members = list(self.members.values())
        for member in members:
            member.deliver(batch)
        DELIVERIES.inc(len(members) * len(frames))  # once for all members: it takes as long as a delivery
        self.flushed_at = time.monotonic()

    def add(self, member: Member) -> None:
        self.members[member.connection_id] = member
        member.rooms.add(self.name)


class Merger:
    """Limits how often a room receives one event: holds further events and sends them merged, once a tick."""

    __slots__ = ("event", "held", "recent", "room", "rule")

    def __init__(self, room: Room, event: str, rule: Merge) -> None:
        self.room = room
        self.event = event
        self.rule = rule
        self.recent: deque[float] = deque(maxlen=rule.per_second)
        self.held: list[bytes] = []

    def hold_if_frequent(self, data: bytes) -> bool:
        """Hold the event if the limit is reached; return whether it was held."""
        now = time.monotonic()
        is_over_limit = len(self.recent) == self.rule.per_second and now - self.recent[0] < 1.0
        if is_over_limit or self.held:
            if not self.held:
                delay = settings.SOCKET_TICK.total_seconds()
                asyncio.get_running_loop().call_later(delay, self._send_held)
            self.held.append(data)
            return True
        self.recent.append(now)
        return False

    def _send_held(self) -> None:
        held, self.held = self.held, []
        for data in self.rule.combine([jsonlib.loads(data) for data in held]):
            self.room.send(Frame(self.event, jsonlib.dumps(data), is_ephemeral=True))


class Hub:
    """The members of this process, and their rooms. Runs on one event loop."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {}
        self.threads = ThreadPoolExecutor(settings.SOCKET_COMMAND_THREADS, thread_name_prefix="command")
        self.loop: asyncio.AbstractEventLoop | None = None
        # Removes a connection from a room when another process requests it. Set by `lifecycle`.
        self.remove_from_room: Callable[[Member, dict[str, Any]], Coroutine[Any, Any, None]] | None = None
        # Checks whether connections may still be in their rooms of a kind. Set by `lifecycle`.
        self.check_rooms: Callable[[list[Member], str], Coroutine[Any, Any, None]] | None = None
        self._started: asyncio.Future[None] | None = None
        self._channel = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> bool:
        """Start listening to the channel layer; return whether this call was the first."""
        if self._started is not None:
            await self._started
            return False
        self.loop = asyncio.get_running_loop()
        self._started = self.loop.create_future()
        publisher.use_loop(self.loop)
        layer = get_channel_layer()
        await layer.add_reconnect_callback(self._send_resync)
        self._channel = await layer.new_channel()
        self.spawn(self._listen())
        self._started.set_result(None)
        return True

    async def stop(self) -> None:
        """Stop listening. The server closes the connections."""
        for task in self._tasks:
            task.cancel()
        if self.loop is not None:
            publisher.forget_loop(self.loop)

    def spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def add(self, member: Member) -> None:
        self.members[member.connection_id] = member

    def remove(self, member: Member) -> None:
        """Remove a closed connection."""
        member.is_closed = True
        member.backlog = None
        self.members.pop(member.connection_id, None)
        for room in list(member.rooms):
            self.leave(member, room)

    async def join(self, member: Member, name: str) -> None:
        """Add the member to the room; return once it receives what is published there."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(self, name)
        room.add(member)
        if member.is_closed:
            return self.leave(member, name)
        if not room.is_subscribed:
            async with room.subscription_lock:
                if not room.is_subscribed:
                    await get_channel_layer().group_add(name, self._channel)
                    room.is_subscribed = True
        return None

    def join_if_subscribed(self, member: Member, name: str) -> bool:
        """Join from a command's thread, if this process is subscribed to the room; return whether it is.

        This avoids a round trip to the event loop, which takes longer than the rest of a join.
        """
        room = self.rooms.get(name)
        if room is None:
            return False
        with room.members_lock:
            if not room.is_subscribed or member.is_closed:
                return False
            room.add(member)
        return True

    def leave(self, member: Member, name: str) -> None:
        member.rooms.discard(name)
        room = self.rooms.get(name)
        if room is None:
            return
        room.members.pop(member.connection_id, None)
        if not room.members:
            asyncio.get_running_loop().call_later(
                UNSUBSCRIBE_DELAY, lambda: self.spawn(self._unsubscribe(room))
            )

    async def _unsubscribe(self, room: Room) -> None:
        async with room.subscription_lock:
            with room.members_lock:
                if room.members or self.rooms.get(room.name) is not room:
                    return
                room.is_subscribed = False
            await get_channel_layer().group_discard(room.name, self._channel)
            if not room.members:
                del self.rooms[room.name]

    async def _listen(self) -> None:
        layer = get_channel_layer()
        since_yield = 0
        while True:
            message = await layer.receive(self._channel)
            try:
                self._handle(message)
            except Exception:
                logger.exception("event delivery failed", extra={"request_id": message.get("request_id", "")})
            since_yield += 1
            if since_yield >= MESSAGES_BEFORE_YIELD:
                since_yield = 0
                await asyncio.sleep(0)  # receive() does not yield to other tasks while messages are queued

    def _handle(self, message: dict[str, Any]) -> None:
        room = self.rooms.get(message["room"])
        if room is None:
            return
        if message["type"] == "event":
            room.receive(message)
        elif message["type"] == "close":
            for member in list(room.members.values()):
                if is_closed_by(member.session.socket_user, message):
                    self.end_session(member, message["reason"])
        elif message["type"] == "leave" and self.remove_from_room is not None:
            for member in list(room.members.values()):
                self.spawn(self.remove_from_room(member, message))
        elif message["type"] == "check" and self.check_rooms is not None:
            self.spawn(self.check_rooms(list(room.members.values()), message["kind"]))

    def end_session(self, member: Member, reason: str) -> None:
        """Close a connection whose user has been banned or logged out, with the reason in their language."""
        with translation.override(member.session.socket_user.language):
            reason = translation.gettext(reason)
        member.emit("error", {"code": RealtimeErrorCode.SESSION_ENDED, "message": reason, "details": {}})
        member.close(CLOSE_SESSION_ENDED, reason)

    def _send_resync(self) -> None:
        """Send `resync` to every room: events may have been lost."""
        for room in list(self.rooms.values()):
            room.send(Frame("resync", jsonlib.dumps({"room": room.name})))


hub = Hub()
