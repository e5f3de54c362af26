"""The channel layer: Channels' interface on Redis pub/sub, on any event loop and several Redis servers."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from redis import Redis

from soukloop.core.redis.client import redis_client
from soukloop.realtime.layer import ChannelLayer
from soukloop.realtime.testing.redis_process import RedisProcess

MESSAGE = {"type": "event", "data": b"\xff", "n": 1}


def make_layer(**options: Any) -> ChannelLayer:
    return ChannelLayer(**({"hosts": [settings.REDIS_URL], "prefix": "layer"} | options))


@pytest.fixture
async def layer() -> AsyncIterator[ChannelLayer]:
    layer = make_layer()
    yield layer
    await layer.close_pools()


async def receive(layer: ChannelLayer, channel: str) -> Any:
    return await asyncio.wait_for(layer.receive(channel), 5)


def subscribed(channel: str) -> int:
    return int(redis_client().pubsub_numsub(channel)[0][1])


async def test_a_message_to_a_channel_is_received_there_alone(layer: ChannelLayer) -> None:
    one, other = await layer.new_channel(), await layer.new_channel()
    await layer.send(one, MESSAGE)
    assert await receive(layer, one) == MESSAGE
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(layer.receive(other), 0.1)


async def test_a_message_to_a_group_is_received_by_each_of_its_channels_in_order(layer: ChannelLayer) -> None:
    channels = [await layer.new_channel() for _ in range(2)]
    for channel in channels:
        await layer.group_add("room.1", channel)
    await layer.group_send("room.1", {"n": 0})
    await layer.group_send_many([("room.1", {"n": 1}), ("room.2", {"n": 2}), ("room.1", {"n": 3})])
    for channel in channels:
        assert [(await receive(layer, channel))["n"] for _ in range(3)] == [0, 1, 3]


async def test_a_process_subscribes_to_a_group_once_and_until_its_last_channel_has_left(
    layer: ChannelLayer,
) -> None:
    one, other = await layer.new_channel(), await layer.new_channel()
    redis_channel = layer.redis_channel("room.1")
    assert redis_channel == "layer__group__room.1"
    await layer.group_add("room.1", one)
    await layer.group_add("room.1", other)
    assert subscribed(redis_channel) == 1
    await layer.group_discard("room.1", one)
    await layer.group_discard("room.1", "layer.unknown")
    await layer.group_send("room.1", MESSAGE)
    assert await receive(layer, other) == MESSAGE
    await layer.group_discard("room.1", other)
    await _eventually(lambda: subscribed(redis_channel) == 0)


async def test_a_channel_whose_receiver_is_cancelled_is_removed_with_its_groups(layer: ChannelLayer) -> None:
    channel = await layer.new_channel()
    await layer.group_add("room.1", channel)
    receiver = asyncio.create_task(layer.receive(channel))
    await asyncio.sleep(0)
    receiver.cancel()
    await asyncio.gather(receiver, return_exceptions=True)
    await _eventually(lambda: subscribed(channel) + subscribed(layer.redis_channel("room.1")) == 0)


async def test_names_that_channels_does_not_allow_are_refused(layer: ChannelLayer) -> None:
    channel = await layer.new_channel()
    with pytest.raises(TypeError):
        await layer.group_add("room:1", channel)
    with pytest.raises(TypeError):
        await layer.group_send("room 1", MESSAGE)
    with pytest.raises(TypeError):
        await layer.send("a channel", MESSAGE)
    with pytest.raises(ValueError, match="was not created by this process"):
        await layer.group_add("room.1", "layer.unknown")


async def test_a_flushed_layer_has_forgotten_its_channels_and_can_be_used_again(layer: ChannelLayer) -> None:
    channel = await layer.new_channel()
    await layer.group_add("room.1", channel)
    await layer.flush()
    await _eventually(lambda: subscribed(layer.redis_channel("room.1")) == 0)
    again = await layer.new_channel()
    await layer.group_add("room.1", again)
    await layer.group_send("room.1", MESSAGE)
    assert await receive(layer, again) == MESSAGE


async def test_messages_are_encrypted_with_the_configured_keys() -> None:
    layer = make_layer(symmetric_encryption_keys=["secret"])
    reader = make_layer()
    channel, copy = await layer.new_channel(), await reader.new_channel()
    await layer.group_add("room.1", channel)
    await reader.group_add("room.1", copy)
    await layer.group_send("room.1", MESSAGE)
    assert await receive(layer, channel) == MESSAGE
    with pytest.raises(Exception, match="unpack"):
        await receive(reader, copy)
    for each in (layer, reader):
        await each.close_pools()


async def test_groups_are_spread_over_several_redis_servers(own_redis: RedisProcess) -> None:
    layer = make_layer(hosts=[{"address": settings.REDIS_URL}, ("127.0.0.1", own_redis.port)])
    channel = await layer.new_channel()
    rooms = [f"room.{number}" for number in range(40)]
    for room in rooms:
        await layer.group_add(room, channel)
    here = [room for room in rooms if subscribed(layer.redis_channel(room))]
    assert 5 < len(here) < 35
    await layer.group_send_many([(room, {"room": room}) for room in rooms])
    received = [(await receive(layer, channel))["room"] for _ in rooms]
    assert sorted(received) == sorted(rooms)
    await layer.close_pools()


async def test_a_lost_connection_is_reported_once_the_groups_are_subscribed_again(
    own_redis: RedisProcess,
) -> None:
    layer = make_layer(hosts=[own_redis.url])
    reconnected = asyncio.Event()
    await layer.add_reconnect_callback(reconnected.set)
    channel = await layer.new_channel()
    await layer.group_add("room.1", channel)
    own_redis.kill()
    await layer.group_add("room.2", channel)
    assert not reconnected.is_set()
    own_redis.start()
    await asyncio.wait_for(reconnected.wait(), 10)
    client = Redis.from_url(own_redis.url)
    await _eventually(lambda: client.pubsub_numsub(layer.redis_channel("room.2"))[0][1] == 1)
    client.close()
    await layer.group_send_many([("room.1", {"n": 1}), ("room.2", {"n": 2})])
    assert [(await receive(layer, channel))["n"] for _ in range(2)] == [1, 2]
    await layer.close_pools()


def test_each_event_loop_has_its_own_connections_which_are_closed_with_it() -> None:
    layer = make_layer()

    async def exchange() -> Any:
        channel = await layer.new_channel()
        await layer.group_add("room.1", channel)
        await layer.group_send("room.1", MESSAGE)
        return await receive(layer, channel)

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(3):
            assert asyncio.run(exchange()) == MESSAGE
            async_to_sync(layer.group_send)("room.1", MESSAGE)
            gc.collect()
    assert subscribed(layer.redis_channel("room.1")) == 0


async def _eventually(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - Redis sends no notification
            await asyncio.sleep(0.01)
