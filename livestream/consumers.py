"""The WebSocket of a live stream."""

from soukloop.realtime.consumers import RoomConsumer


class StreamConsumer(RoomConsumer):
    """Joins the stream named in the URL."""

    command = "stream:join"
    field = "stream_id"
