"""The channel layer: groups over Redis pub/sub that survive a restart of Redis and report it."""

import asyncio
import binascii
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from channels.layers import BaseChannelLayer
from channels_redis.serializers import registry

from soukloop.realtime.shards import Host, Shard

Message = dict[str, Any]


class ChannelLayer(BaseChannelLayer):
    """Channels' layer interface with the groups and flush extensions; usable on any number of event loops.

    A process subscribes once to each group that has channels in it, and receives each message once. Messages
    sent while Redis is unavailable are lost. The options are those of channels_redis, whose serializers are
    used: `hosts`, `prefix`, `serializer_format`, `symmetric_encryption_keys`.
    """

    extensions = ["groups", "flush"]

    def __init__(
        self,
        hosts: Sequence[Host] = ("redis://localhost:6379",),
        prefix: str = "asgi",
        serializer_format: str = "msgpack",
        symmetric_encryption_keys: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.prefix = prefix
        self._hosts = hosts
        self._serializer = registry.get_serializer(
            serializer_format, symmetric_encryption_keys=symmetric_encryption_keys
        )
        self._locals: dict[asyncio.AbstractEventLoop, _LoopLocal] = {}

    async def send(self, channel: str, message: Message) -> None:
        """Send a message to one channel."""
        self.require_valid_channel_name(channel)
        local = await self._local()
        await local.shard_of(channel).publish([(channel, self._serializer.serialize(message))])

    async def new_channel(self, prefix: str = "specific.") -> str:
        """Return the name of a new channel of this process, which is subscribed already."""
        channel = f"{self.prefix}{prefix}{uuid.uuid4().hex}"
        await (await self._local()).add_channel(channel)
        return channel

    async def receive(self, channel: str) -> Message:
        """Wait for a channel's next message; if this is cancelled, remove the channel."""
        local = await self._local()
        if channel not in local.channels:
            await local.add_channel(channel)
        try:
            encoded = await local.channels[channel].get()
        except asyncio.CancelledError:
            await local.remove_channel(channel)
            raise
        message: Message = self._serializer.deserialize(encoded)
        return message

    async def group_add(self, group: str, channel: str) -> None:
        """Add a channel of this process to a group; returns once the group's messages are received."""
        self.require_valid_group_name(group)
        local = await self._local()
        if channel not in local.channels:
            raise ValueError(f"The channel {channel} was not created by this process")
        redis_channel = self.redis_channel(group)
        local.groups.setdefault(redis_channel, set()).add(channel)
        await local.shard_of(redis_channel).subscribe(redis_channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Remove a channel from a group; does nothing if it isn't in the group."""
        local = await self._local()
        redis_channel = self.redis_channel(group)
        members = local.groups.get(redis_channel, set())
        members.discard(channel)
        if not members and local.groups.pop(redis_channel, None) is not None:
            await local.shard_of(redis_channel).unsubscribe(redis_channel)

    async def group_send(self, group: str, message: Message) -> None:
        """Send a message to all channels of a group, in every process."""
        await self.group_send_many([(group, message)])

    async def group_send_many(self, messages: list[tuple[str, Message]]) -> None:
        """Send messages to groups in this order, in one write per Redis server."""
        local = await self._local()
        batches: dict[Shard, list[tuple[str, bytes]]] = {}
        for group, message in messages:
            self.require_valid_group_name(group)
            redis_channel = self.redis_channel(group)
            shard = local.shard_of(redis_channel)
            batches.setdefault(shard, []).append((redis_channel, self._serializer.serialize(message)))
        for shard, batch in batches.items():
            await shard.publish(batch)

    async def flush(self) -> None:
        """Remove all channels and groups of this event loop, and close its connections."""
        local = await self._local()
        local.channels.clear()
        local.groups.clear()
        await local.close()

    async def close_pools(self) -> None:
        """Close this event loop's connections; otherwise they are closed when asyncio closes the loop."""
        local = self._locals.pop(asyncio.get_running_loop(), None)
        if local is not None:
            await local.close()

    async def add_reconnect_callback(self, callback: Callable[[], None]) -> None:
        """Add a function to call, on this event loop, after a lost connection to Redis is restored."""
        (await self._local()).reconnect_callbacks.append(callback)

    def redis_channel(self, group: str) -> str:
        """Return the name of a group's Redis channel, to which each process with a member is subscribed."""
        return f"{self.prefix}__group__{group}"

    async def _local(self) -> "_LoopLocal":
        loop = asyncio.get_running_loop()
        local = self._locals.get(loop)
        if local is None:
            for other in [other for other in self._locals if other.is_closed()]:
                del self._locals[other]
            local = self._locals[loop] = _LoopLocal(self._hosts)
            local.closer = self._close_with_loop()
            await anext(local.closer)
        return local

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        """Close this loop's connections when asyncio closes the loop's generators, before the loop itself."""
        try:
            yield
        finally:
            await self.close_pools()


class _LoopLocal:
    """A layer's channels, groups and connections on one event loop."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.channels: dict[str, asyncio.Queue[bytes]] = {}
        self.groups: dict[str, set[str]] = {}  # Redis channel of the group → local channels
        self.reconnect_callbacks: list[Callable[[], None]] = []
        self.closer: AsyncGenerator[None, None] | None = None
        self._shards = [Shard(host, self._deliver, self._reconnected) for host in hosts]

    def shard_of(self, redis_channel: str) -> Shard:
        """Return the Redis server of a channel, chosen by the channel's hash."""
        if len(self._shards) == 1:
            return self._shards[0]
        position = binascii.crc32(redis_channel.encode()) & 0xFFF
        return self._shards[position * len(self._shards) // 4096]

    async def add_channel(self, channel: str) -> None:
        self.channels[channel] = asyncio.Queue()
        await self.shard_of(channel).subscribe(channel)

    async def remove_channel(self, channel: str) -> None:
        if self.channels.pop(channel, None) is None:
            return
        unused = [channel]
        for group, members in list(self.groups.items()):
            members.discard(channel)
            if not members:
                del self.groups[group]
                unused.append(group)
        by_shard: dict[Shard, list[str]] = {}
        for redis_channel in unused:
            by_shard.setdefault(self.shard_of(redis_channel), []).append(redis_channel)
        for shard, redis_channels in by_shard.items():
            await shard.unsubscribe(*redis_channels)

    async def close(self) -> None:
        for shard in self._shards:
            await shard.close()

    def _deliver(self, redis_channel: str, encoded: bytes) -> None:
        for channel in (redis_channel, *self.groups.get(redis_channel, ())):
            queue = self.channels.get(channel)
            if queue is not None:
                queue.put_nowait(encoded)

    def _reconnected(self) -> None:
        for callback in self.reconnect_callbacks:
            callback()
