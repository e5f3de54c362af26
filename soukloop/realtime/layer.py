"""The channel layer: channels_redis' pub/sub layer, made to survive a restart of Redis and to say so."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)
from channels_redis.utils import _close_redis, _wrap_close, create_pool
from redis.asyncio.client import PubSub, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CONFIRMED_WITHIN = 3.0  # Redis answers a subscription in well under a millisecond when it is there
SILENCE_BEFORE_PING = 5.0
SILENCE_BEFORE_GIVING_UP = 12.0  # a cable pulled out says nothing
RECONNECT_EVERY = 0.25
SUBSCRIBE_AT_ONCE = 500


class ChannelLayer(RedisPubSubChannelLayer):
    """The layer that settings name; hands out one `LoopLayer` for each event loop."""

    def _get_layer(self) -> "LoopLayer":
        loop = asyncio.get_running_loop()
        layer = self._layers.get(loop)
        if layer is None:
            layer = self._layers[loop] = LoopLayer(*self._args, **self._kwargs, channel_layer=self)
            _wrap_close(self, loop)
        return layer

    async def group_send_many(self, messages: list[tuple[str, dict[str, Any]]]) -> None:
        """Send messages to groups in this order, in one write per shard."""
        await self._get_layer().group_send_many(messages)

    def channel_of(self, group: str) -> str:
        """Return what Redis calls a group's channel, to which each process with a member is subscribed."""
        return f"{self._kwargs['prefix']}__group__{group}"

    def when_reconnected(self, callback: Callable[[], None]) -> None:
        """Call back, on this loop, whenever messages may have been lost because a connection was."""
        self._get_layer().on_reconnect = callback


class LoopLayer(RedisPubSubLoopLayer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shards: list[Any] = self._shards  # type: ignore[has-type]  # the library is untyped
        self._shards = [Shard(shard.host, self) for shard in shards]

    async def group_send_many(self, messages: list[tuple[str, dict[str, Any]]]) -> None:
        batches: dict[Shard, list[tuple[str, bytes]]] = {}
        for group, message in messages:
            channel = self._get_group_channel_name(group)
            encoded = self.channel_layer.serialize(message)
            batches.setdefault(self._get_shard(channel), []).append((channel, encoded))
        for shard, batch in batches.items():
            await shard.publish_many(batch)


class Shard(RedisSingleShardConnection):
    """One Redis server: what this process is subscribed to there, whether it can be reached or not.

    The library's own loses subscriptions that were asked for while Redis was away, holds one lock around
    everything, doesn't wait until a subscription is in force, and never tells that it had to reconnect.
    """

    _receive_task: asyncio.Task[None] | None
    _subscribed_to: set[str]

    def __init__(self, host: dict[str, Any], channel_layer: LoopLayer) -> None:
        super().__init__(host, channel_layer)
        self._confirmations: dict[str, asyncio.Future[None]] = {}
        self._pubsub: PubSub | None = None
        self._redis: Redis | None = None
        self._was_connected = False
        self._to_subscribe: list[str] = []
        self._subscribing: asyncio.Task[None] | None = None

    async def publish(self, channel: str, message: bytes) -> None:
        self._ensure_redis()
        assert self._redis is not None
        await self._redis.publish(channel, message)

    async def publish_many(self, messages: list[tuple[str, bytes]]) -> None:
        self._ensure_redis()
        assert self._redis is not None
        pipeline = self._redis.pipeline(transaction=False)
        for channel, message in messages:
            pipeline.publish(channel, message)
        await pipeline.execute()

    async def subscribe(self, channel: str) -> None:
        """Return once Redis has confirmed, or at once while it is away: then the reconnection subscribes."""
        self._ensure_receiver()
        self._subscribed_to.add(channel)
        confirmation = self._confirmations.get(channel)
        if confirmation is None:
            confirmation = self._confirmations[channel] = asyncio.get_running_loop().create_future()
            if self._pubsub is not None:
                self._to_subscribe.append(channel)
                if self._subscribing is None:
                    self._subscribing = asyncio.get_running_loop().create_task(self._subscribe_waiting())
            elif self._was_connected:
                return
        try:
            await asyncio.wait_for(asyncio.shield(confirmation), CONFIRMED_WITHIN)
        except TimeoutError:
            logger.warning("Redis did not confirm a subscription within %s s", CONFIRMED_WITHIN)

    async def _subscribe_waiting(self) -> None:
        """Ask Redis for all that were wanted in this turn of the loop: in a rush there are many."""
        try:
            while self._to_subscribe and self._pubsub is not None:
                channels = self._to_subscribe[:SUBSCRIBE_AT_ONCE]
                del self._to_subscribe[:SUBSCRIBE_AT_ONCE]
                wanted = [channel for channel in channels if channel in self._subscribed_to]
                if wanted:
                    await self._pubsub.subscribe(*wanted)
        except (RedisError, OSError) as error:
            logger.debug("the reconnection will subscribe: %s", error)
        finally:
            self._to_subscribe.clear()
            self._subscribing = None

    async def unsubscribe(self, channel: str) -> None:
        self._subscribed_to.discard(channel)
        self._confirmations.pop(channel, None)
        if self._pubsub is not None:
            try:
                await self._pubsub.unsubscribe(channel)
            except (RedisError, OSError):
                return  # the reconnection won't subscribe to it

    async def flush(self) -> None:
        if self._receive_task is not None:
            self._receive_task.cancel()
            await asyncio.gather(self._receive_task, return_exceptions=True)
            self._receive_task = None
        await self._disconnect()
        if self._redis is not None:
            await _close_redis(self._redis)
            self._redis = None
        self._subscribed_to = set()
        self._confirmations = {}
        self._was_connected = False

    def _ensure_redis(self) -> None:
        if self._redis is None:
            host = {"socket_connect_timeout": 2, "socket_timeout": 3, "retry": Retry(NoBackoff(), 1)}
            self._redis = Redis(connection_pool=create_pool({**host, **self.host}))

    async def _do_receiving(self) -> None:
        while True:
            try:
                await self._connect()
                await self._receive_until_lost()
            except (RedisError, OSError, TimeoutError) as error:
                if self._pubsub is not None:
                    logger.warning("the connection to Redis is lost: %s", error or type(error).__name__)
                await self._disconnect()
                await asyncio.sleep(RECONNECT_EVERY)
            except Exception:
                logger.exception("the channel layer's receiver failed")
                await self._disconnect()
                await asyncio.sleep(RECONNECT_EVERY)

    async def _connect(self) -> None:
        self._ensure_redis()
        assert self._redis is not None
        # One connection that says at once when it is lost, rather than one that comes back unnoticed.
        pool = create_pool({"socket_connect_timeout": 2, **self.host, "retry": Retry(NoBackoff(), 0)})
        pubsub = Redis(connection_pool=pool).pubsub()
        channels = list(self._subscribed_to)
        for start in range(0, len(channels), SUBSCRIBE_AT_ONCE):
            await pubsub.subscribe(*channels[start : start + SUBSCRIBE_AT_ONCE])
        self._pubsub = pubsub
        missed = [channel for channel in self._subscribed_to if channel not in set(channels)]
        if missed:
            await pubsub.subscribe(*missed)
        if self._was_connected and self.channel_layer.on_reconnect:
            logger.warning("Redis is back; %s subscriptions renewed", len(self._subscribed_to))
            self.channel_layer.on_reconnect()
        self._was_connected = True

    async def _disconnect(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        for channel, confirmation in list(self._confirmations.items()):
            if confirmation.done():
                del self._confirmations[channel]
        if pubsub is not None:
            try:
                await pubsub.aclose()
                await pubsub.connection_pool.disconnect()
            except (RedisError, OSError):
                return

    async def _receive_until_lost(self) -> None:
        pubsub = self._pubsub
        assert pubsub is not None
        heard_at = time.monotonic()
        while True:
            if not pubsub.subscribed:
                await asyncio.sleep(0.05)
                heard_at = time.monotonic()
                continue
            message = await pubsub.get_message(timeout=SILENCE_BEFORE_PING)
            if message is None:
                if time.monotonic() - heard_at > SILENCE_BEFORE_GIVING_UP:
                    raise TimeoutError("no answer to a ping")
                await pubsub.ping()
                continue
            heard_at = time.monotonic()
            if message["type"] == "message":
                self._receive_message(message)
            elif message["type"] == "subscribe":
                self._confirm(message["channel"].decode())

    def _confirm(self, channel: str) -> None:
        confirmation = self._confirmations.get(channel)
        if confirmation is None:
            confirmation = self._confirmations[channel] = asyncio.get_running_loop().create_future()
        if not confirmation.done():
            confirmation.set_result(None)
