"""Connections of the channel layer to one Redis server: publishing, and subscriptions that are renewed."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# A URL, a (host, port) pair, or redis-py's connection options, in which `address` may be a URL.
Host = str | tuple[str, int] | dict[str, Any]

CONFIRM_TIMEOUT = 3.0  # Redis confirms a subscription in well under a millisecond while it is available
PING_AFTER = 5.0  # seconds without a message
GIVE_UP_AFTER = 12.0  # seconds without an answer: a broken network reports no error
RECONNECT_INTERVAL = 0.25
SUBSCRIBE_BATCH = 500


class Shard:
    """The connections of one event loop to one Redis server.

    Subscriptions that are requested while Redis is unavailable are made once it is available again. After
    each reconnection, all subscriptions are renewed and `on_reconnect` is called.
    """

    def __init__(
        self, host: Host, on_message: Callable[[str, bytes], None], on_reconnect: Callable[[], None]
    ) -> None:
        self._host = host
        self._on_message = on_message
        self._on_reconnect = on_reconnect
        self._publishing: Redis | None = None
        self._subscribing: Redis | None = None
        self._pubsub: PubSub | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._was_connected = False
        self._subscriptions: set[str] = set()
        self._confirmations: dict[str, asyncio.Future[None]] = {}
        self._queued: list[str] = []
        self._queue_task: asyncio.Task[None] | None = None

    async def publish(self, messages: list[tuple[str, bytes]]) -> None:
        """Publish messages to channels, in this order and in one write; raises RedisError."""
        if self._publishing is None:
            self._publishing = _client(
                self._host, socket_connect_timeout=2, socket_timeout=3, retry=Retry(NoBackoff(), 1)
            )
        if len(messages) == 1:
            await self._publishing.publish(*messages[0])
            return
        pipeline = self._publishing.pipeline(transaction=False)
        for channel, message in messages:
            pipeline.publish(channel, message)
        await pipeline.execute()

    async def subscribe(self, channel: str) -> None:
        """Subscribe; returns once Redis has confirmed, or immediately while Redis is unavailable."""
        if self._receiver is None:
            self._receiver = asyncio.get_running_loop().create_task(self._receive_forever())
        self._subscriptions.add(channel)
        confirmation = self._confirmations.get(channel)
        if confirmation is None:
            confirmation = self._confirmations[channel] = asyncio.get_running_loop().create_future()
            if self._pubsub is not None:
                self._queued.append(channel)
                if self._queue_task is None:
                    self._queue_task = asyncio.get_running_loop().create_task(self._subscribe_queued())
            elif self._was_connected:
                return
        try:
            await asyncio.wait_for(asyncio.shield(confirmation), CONFIRM_TIMEOUT)
        except TimeoutError:
            logger.warning("Redis did not confirm the subscription to %s in %s s", channel, CONFIRM_TIMEOUT)

    async def unsubscribe(self, *channels: str) -> None:
        """Unsubscribe from these channels."""
        self._subscriptions.difference_update(channels)
        for channel in channels:
            self._confirmations.pop(channel, None)
        if self._pubsub is not None:
            try:
                await self._pubsub.unsubscribe(*channels)
            except (RedisError, OSError):
                return  # the connection is lost, and the reconnection will not renew them

    async def close(self) -> None:
        """Close the connections and forget all subscriptions; the shard can be used again."""
        if self._receiver is not None:
            self._receiver.cancel()
            await asyncio.gather(self._receiver, return_exceptions=True)
            self._receiver = None
        if self._queue_task is not None:
            self._queue_task.cancel()
            await asyncio.gather(self._queue_task, return_exceptions=True)
        await self._disconnect()
        if self._publishing is not None:
            await self._publishing.aclose()
            self._publishing = None
        self._subscriptions = set()
        self._confirmations = {}
        self._was_connected = False

    async def _subscribe_queued(self) -> None:
        """Subscribe to all channels requested in one iteration of the event loop with one command."""
        try:
            while self._queued and self._pubsub is not None:
                batch, self._queued = self._queued[:SUBSCRIBE_BATCH], self._queued[SUBSCRIBE_BATCH:]
                channels = [channel for channel in batch if channel in self._subscriptions]
                if channels:
                    await self._pubsub.subscribe(*channels)
        except (RedisError, OSError) as error:
            logger.debug("subscribing failed, to be repeated after the reconnection: %s", error)
        finally:
            self._queued.clear()
            self._queue_task = None

    async def _receive_forever(self) -> None:
        while True:
            try:
                await self._connect()
                await self._receive_until_lost()
            except (RedisError, OSError, TimeoutError) as error:
                if self._pubsub is not None:
                    logger.warning("connection to Redis lost: %s", error or type(error).__name__)
            except Exception:
                logger.exception("channel layer receiver failed")
            await self._disconnect()
            await asyncio.sleep(RECONNECT_INTERVAL)

    async def _connect(self) -> None:
        # Without retries, because a connection that redis-py reopens by itself would hide lost messages.
        self._subscribing = _client(self._host, {"retry": Retry(NoBackoff(), 0)}, socket_connect_timeout=2)
        pubsub = self._subscribing.pubsub()
        channels = list(self._subscriptions)
        for start in range(0, len(channels), SUBSCRIBE_BATCH):
            await pubsub.subscribe(*channels[start : start + SUBSCRIBE_BATCH])
        self._pubsub = pubsub
        added_during_loop = self._subscriptions.difference(channels)
        if added_during_loop:
            await pubsub.subscribe(*added_during_loop)
        if self._was_connected:
            logger.warning("Redis is available again; %s subscriptions renewed", len(self._subscriptions))
            self._on_reconnect()
        self._was_connected = True

    async def _disconnect(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        client, self._subscribing = self._subscribing, None
        for channel, confirmation in list(self._confirmations.items()):
            if confirmation.done():
                del self._confirmations[channel]
        try:
            if pubsub is not None:
                await pubsub.aclose()
            if client is not None:
                await client.aclose()
        except (RedisError, OSError):
            return

    async def _receive_until_lost(self) -> None:
        pubsub = self._pubsub
        assert pubsub is not None
        last_heard_at = time.monotonic()
        while True:
            if not pubsub.subscribed:
                await asyncio.sleep(0.05)
                last_heard_at = time.monotonic()
                continue
            message = await pubsub.get_message(timeout=PING_AFTER)
            if message is None:
                if time.monotonic() - last_heard_at > GIVE_UP_AFTER:
                    raise TimeoutError("no answer to a ping")
                await pubsub.ping()
                continue
            last_heard_at = time.monotonic()
            if message["type"] == "message":
                self._on_message(message["channel"].decode(), message["data"])
            elif message["type"] == "subscribe":
                self._confirm(message["channel"].decode())

    def _confirm(self, channel: str) -> None:
        confirmation = self._confirmations.get(channel)
        if confirmation is None:
            confirmation = self._confirmations[channel] = asyncio.get_running_loop().create_future()
        if not confirmation.done():
            confirmation.set_result(None)


def _client(host: Host, overrides: dict[str, Any] | None = None, **defaults: Any) -> Redis:
    if isinstance(host, str):
        host = {"address": host}
    elif not isinstance(host, dict):
        host = {"host": host[0], "port": host[1]}
    options = defaults | host | (overrides or {})
    address = options.pop("address", None)
    return Redis.from_url(address, **options) if address else Redis(**options)
