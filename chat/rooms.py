"""The rooms of conversations."""

from uuid import UUID

from soukloop.realtime.rooms import declare_room_kind

CONVERSATION_ROOMS = declare_room_kind(
    "conversation", "everyone who has the conversation open", tracks_attention=True
)


def conversation_room(conversation_id: UUID | str) -> str:
    return CONVERSATION_ROOMS.room(conversation_id)
