"""The WebSocket of a conversation."""

from soukloop.realtime.consumers import RoomConsumer


class ConversationConsumer(RoomConsumer):
    """Joins the conversation in its path."""

    command = "conversation:join"
    field = "conversation_id"
