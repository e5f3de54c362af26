"""Publishing events: from threads, in order, on commit."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import transaction
from rest_framework import serializers

from soukloop.realtime import events
from soukloop.realtime.events import EventSpec, declare_event, publish, publish_on_commit
from soukloop.realtime.publisher import publisher
from soukloop.realtime.testing import Captured


class NumberOutput(serializers.Serializer[Any]):
    n = serializers.IntegerField()


@pytest.fixture(autouse=True)
def probe_event(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(events, "EVENTS", {})
    declare_event(EventSpec("probe:said", "A test's.", NumberOutput, {"n": 1}))
    yield
    publisher.flush()


async def listen(room: str, count: int, ready: threading.Event) -> list[dict]:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(room, channel)
    ready.set()
    return [await asyncio.wait_for(layer.receive(channel), 5) for _ in range(count)]


def test_events_published_from_a_thread_arrive_in_order_as_encoded_json() -> None:
    ready = threading.Event()

    def send() -> None:
        ready.wait(5)
        for n in range(50):
            publish("user.1", "probe:said", {"n": n})

    thread = threading.Thread(target=send)
    thread.start()
    received = asyncio.run(listen("user.1", 50, ready))
    thread.join()
    assert [message["data"] for message in received] == [b'{"n":%d}' % n for n in range(50)]
    assert received[0] == {"type": "event", "room": "user.1", "event": "probe:said", "data": b'{"n":0}'}


def test_publishing_an_undeclared_event_raises() -> None:
    with pytest.raises(LookupError, match="The event nobody:knows is not declared"):
        publish("user.1", "nobody:knows", {})


@pytest.mark.django_db(transaction=True)
def test_an_event_of_a_rolled_back_transaction_is_never_published(captured_events: Captured) -> None:
    with transaction.atomic():
        publish_on_commit("user.1", "probe:said", {"n": 1})
        transaction.set_rollback(True)
    with transaction.atomic():
        publish_on_commit("user.1", "probe:said", {"n": 2})
        assert captured_events == []
    assert captured_events == [("user.1", "probe:said", {"n": 2})]
