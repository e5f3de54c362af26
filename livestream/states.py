"""Which actions a stream's status allows, and where they lead, as data."""

from livestream.models import Stream
from soukloop.core.errors import Conflict

S = Stream.Status

# action: (the statuses in which it is allowed, the status it leads to)
TRANSITIONS: dict[str, tuple[frozenset[str], str]] = {
    "go_live": (frozenset({S.SCHEDULED}), S.LIVE),
    "end": (frozenset({S.LIVE}), S.ENDED),
    "cancel": (frozenset({S.SCHEDULED}), S.CANCELLED),
}

# action: the statuses in which it is allowed; it doesn't change the status
ALLOWED_IN: dict[str, frozenset[str]] = {
    "change_settings": frozenset({S.SCHEDULED}),
    "change_products": frozenset({S.SCHEDULED, S.LIVE}),
    "tag_product": frozenset({S.LIVE}),
    "click_product": frozenset({S.LIVE, S.ENDED}),
    "rotate_key": frozenset({S.LIVE}),
    "join": frozenset({S.LIVE}),
    "chat": frozenset({S.LIVE}),
    "react": frozenset({S.LIVE}),
    "moderate": frozenset({S.SCHEDULED, S.LIVE}),
    "delete_message": frozenset({S.LIVE, S.ENDED}),
}


def move(stream: Stream, action: str) -> None:
    """Set the status that an action leads to; raises Conflict (`stream_not_scheduled`, `stream_not_live`)."""
    sources, target = TRANSITIONS[action]
    _refuse_unless(stream, action, sources)
    stream.status = target


def check(stream: Stream, action: str) -> None:
    """Raise Conflict (as `move`) unless the stream's status allows the action."""
    _refuse_unless(stream, action, ALLOWED_IN[action])


def _refuse_unless(stream: Stream, action: str, sources: frozenset[str]) -> None:
    if stream.status in sources:
        return
    allowed = " or ".join(status for status in (S.SCHEDULED, S.LIVE, S.ENDED) if status in sources)
    raise Conflict(
        f"This stream is {stream.status}. It must be {allowed} for this.",
        code="stream_not_live" if S.LIVE in sources else "stream_not_scheduled",
        details={"status": stream.status, "action": action},
    )
