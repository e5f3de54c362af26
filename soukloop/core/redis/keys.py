"""Every Redis key: its name, what it holds, how long it lives. Losing any of them loses no truth."""

from uuid import UUID

ONLINE_USERS = "online_users"  # contract 3.3: set of user ids; made again from heartbeats when lost
PRESENCE = "presence"  # sorted set of user ids, scored by the time any of their connections was last heard of
CATEGORY_COUNTS = "category_counts"  # contract 2.6, 5 min: hash of counts; `complete` says that it is one
CATEGORY_COUNTS_REFRESH = "category_counts:refresh"  # string, 20 s: somebody is counting


def otp(identifier: str) -> str:
    """String, OTP_TTL: the code itself when DEBUG (contract 1.3), otherwise its keyed hash."""
    return f"otp:{identifier}"


def rate_limit(scope: str, who: str) -> str:
    """Sorted set of the hits within the scope's window."""
    return f"rate:{scope}:{who}"


def ws_ticket(digest: str) -> str:
    """String, WS_TICKET_TTL: the user and token version that one socket handshake may use."""
    return f"ws_ticket:{digest}"


def typing(conversation_id: UUID | str, user_id: UUID | str) -> str:
    """String, 5 s (contract 3.5): somebody is writing."""
    return f"typing:{conversation_id}:{user_id}"


def presence(user_id: UUID | str) -> str:
    """Sorted set of the user's live connections, scored by the time each was last heard of."""
    return f"presence:{user_id}"


def product_views() -> str:
    """Hash product id → views not yet written to PostgreSQL."""
    return "product_views"


def product_views_batch() -> str:
    """Hash product id → views that are being written; `batch` is the id that PostgreSQL knows it by."""
    return "product_views:batch"


def stream_unique_viewers(stream_id: UUID | str) -> str:
    """Set of user ids (contract 4.4)."""
    return f"stream:{stream_id}:unique_viewers"


def stream_viewers(stream_id: UUID | str) -> str:
    """Sorted set of `user:connection`, scored by the time each was last heard of."""
    return f"stream:{stream_id}:viewers"


def stream_viewer_connections(stream_id: UUID | str) -> str:
    """Hash user id → connections in the set above; its length is the number of people watching."""
    return f"stream:{stream_id}:viewer_connections"


def stream_moves(stream_id: UUID | str) -> str:
    """String, 3 s: a second, how many viewers came or went in it, and how many in the one before."""
    return f"stream:{stream_id}:moves"


def stream_counted_since(stream_id: UUID | str) -> str:
    """Unix time since when viewers are counted here: 0 is from the start, later when Redis had forgotten."""
    return f"stream:{stream_id}:counted_since"


def stream_chat(stream_id: UUID | str) -> str:
    """List of the last 100 chat messages, newest first (contract 4.5)."""
    return f"stream:{stream_id}:chat"


def stream_reactions(stream_id: UUID | str) -> str:
    """Hash emoji → count (contract 4.6)."""
    return f"stream:{stream_id}:reactions"
