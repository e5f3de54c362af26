"""The names of rooms; whoever is in a room hears its events."""

from uuid import UUID

# Dots, because Channels refuses colons in the names of groups.


def user_room(user_id: UUID | str) -> str:
    """Everything that is one person's own; each of their connections is in it from the start."""
    return f"user.{user_id}"


def conversation_room(conversation_id: UUID | str) -> str:
    return f"conversation.{conversation_id}"


def stream_room(stream_id: UUID | str) -> str:
    return f"stream.{stream_id}"


def product_room(product_id: UUID | str) -> str:
    """Who looks at a product: its scrolling offers, its sale."""
    return f"product.{product_id}"


def kind_of(room: str) -> str:
    """Return `user`, `conversation`, `stream` or `product`."""
    return room.partition(".")[0]
