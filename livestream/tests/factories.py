"""Factories of streams, publisher connections and chat messages; a counter makes titles unique."""

import itertools
from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller
from listings.models import Product
from livestream.media import stream_keys
from livestream.models import PublisherConnection, Replay, Stream, StreamProduct
from livestream.services import chat

_numbers = itertools.count(1)


def make_stream(
    *, seller: User | None = None, products: list[Product] | None = None, **overrides: Any
) -> Stream:
    """Save a scheduled stream, with these products in it."""
    fields: dict[str, Any] = {
        "seller": seller or make_seller(),
        "title": f"Flash Sale {next(_numbers)}",
        "category_id": "sneakers",
    }
    stream = Stream.objects.create(**(fields | overrides))
    for position, product in enumerate(products or []):
        StreamProduct.objects.create(stream=stream, product=product, position=position)
    return stream


def make_live_stream(*, key: str = "sk_test", **overrides: Any) -> Stream:
    """Save a live stream as `go_live` does; `key` is its stream key."""
    fields: dict[str, Any] = {
        "status": Stream.Status.LIVE,
        "started_at": timezone.now(),
        "key_digest": stream_keys.digest(f"{key}{next(_numbers)}" if key == "sk_test" else key),
    }
    stream = make_stream(**(fields | overrides))
    if stream.record_stream:
        Replay.objects.create(stream=stream)
    Product.objects.filter(stream_products__stream=stream).update(live_stream_id=stream.pk)
    return stream


def make_publisher(stream: Stream, **overrides: Any) -> PublisherConnection:
    """Save an encoder's open connection."""
    fields: dict[str, Any] = {"client_id": "1", "connected_at": timezone.now()}
    return PublisherConnection.objects.create(stream=stream, **(fields | overrides))


def post_chat_message(stream: Stream, user: User, message: str = "Hello", **more: Any) -> dict[str, Any]:
    """Post a chat message as the socket command does; return it as clients receive it."""
    return chat.post_message(actor=user, stream_id=stream.pk, message=message, **more)
