"""The rooms of live streams, whose members watch a stream."""

from uuid import UUID

from listings.models import Product
from soukloop.realtime.rooms import declare_room_kind

STREAM_ROOMS = declare_room_kind("stream", "everyone who watches the stream")


def stream_room(stream_id: UUID | str) -> str:
    return STREAM_ROOMS.room(stream_id)


def room_showing(product: Product) -> str | None:
    """Return the room of the stream that shows the product, if it is in a live one."""
    return stream_room(product.live_stream_id) if product.live_stream_id else None
