"""Redis keys: viewers, chat and reactions of live streams."""

from uuid import UUID


def stream_unique_viewers(stream_id: UUID | str) -> str:
    """Set of user ids (contract 4.4); guests are not in it."""
    return f"stream:{stream_id}:unique_viewers"


def stream_viewers(stream_id: UUID | str) -> str:
    """Sorted set of `user:connection`, of guests too, scored by the Unix time of its last heartbeat."""
    return f"stream:{stream_id}:viewers"


def stream_viewer_connections(stream_id: UUID | str) -> str:
    """Hash user id, or a guest's name → number of connections in `stream_viewers`; its length: viewers."""
    return f"stream:{stream_id}:viewer_connections"


def stream_churn(stream_id: UUID | str) -> str:
    """String, 3 s: the current second (Unix time), the joins and leaves in it, and in the second before."""
    return f"stream:{stream_id}:moves"


def stream_counted_since(stream_id: UUID | str) -> str:
    """Unix time at which counting of viewers began: 0 at the start of the stream, later if data was lost."""
    return f"stream:{stream_id}:counted_since"


def stream_chat(stream_id: UUID | str) -> str:
    """List of the last 100 chat messages, newest first (contract 4.5)."""
    return f"stream:{stream_id}:chat"


def stream_health(stream_id: UUID | str) -> str:
    """JSON, 15 s: the last measurement of what the encoder sends."""
    return f"stream:{stream_id}:health"


def stream_reactions(stream_id: UUID | str) -> str:
    """Hash emoji → count (contract 4.6)."""
    return f"stream:{stream_id}:reactions"
