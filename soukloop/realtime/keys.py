"""Redis keys of presence and attention."""

from uuid import UUID

ONLINE_USERS = "online_users"  # contract 3.3: set of user ids; heartbeats restore it if it is lost
PRESENCE = "presence"  # sorted set of user ids, by the time of the last heartbeat of any of their connections
LAST_SEEN = "last_seen"  # sorted set of user ids, by the time when they went offline; LAST_SEEN_KEPT_FOR


def presence(user_id: UUID | str) -> str:
    """Sorted set of the user's open connections, by the time of each one's last heartbeat."""
    return f"presence:{user_id}"


def attention(connection_id: str) -> str:
    """Hash, PRESENCE_TTL, renewed by heartbeats: a field for each room that the connection has open."""
    return f"attention:{connection_id}"
