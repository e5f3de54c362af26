"""Redis keys: typing indicators."""

from uuid import UUID


def typing(conversation_id: UUID | str, user_id: UUID | str) -> str:
    """String, 5 s (contract 3.5): this person is typing."""
    return f"typing:{conversation_id}:{user_id}"
