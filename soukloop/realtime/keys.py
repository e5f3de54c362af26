"""Redis keys: who is online."""

from uuid import UUID

ONLINE_USERS = "online_users"  # contract 3.3: set of user ids; made again from heartbeats when lost
PRESENCE = "presence"  # sorted set of user ids, scored by the time any of their connections was last heard of


def presence(user_id: UUID | str) -> str:
    """Sorted set of the user's live connections, scored by the time each was last heard of."""
    return f"presence:{user_id}"
