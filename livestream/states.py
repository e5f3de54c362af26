"""The state machine of streams: which statuses allow each action, and the status after it."""

from django.utils.translation import gettext_lazy as _

from livestream.error_codes import LivestreamErrorCode
from livestream.models import Stream
from soukloop.core.errors import Conflict, Text

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


_MESSAGES: dict[str, Text] = {
    S.SCHEDULED: _("This stream has not started yet."),
    S.LIVE: _("This stream is live."),
    S.ENDED: _("This stream has ended."),
    S.CANCELLED: _("This stream was cancelled."),
}


def apply_action(stream: Stream, action: str) -> None:
    """Set the status after an action; raises Conflict (`stream_not_scheduled`, `stream_not_live`)."""
    allowed, target = TRANSITIONS[action]
    _require_status(stream, action, allowed)
    stream.status = target


def require_allowed(stream: Stream, action: str) -> None:
    """Raise Conflict (`stream_not_scheduled`, `stream_not_live`) unless the status allows the action."""
    _require_status(stream, action, ALLOWED_IN[action])


def _require_status(stream: Stream, action: str, allowed: frozenset[str]) -> None:
    if stream.status in allowed:
        return
    details = {"status": stream.status, "action": action}
    if S.LIVE in allowed:
        raise Conflict(_MESSAGES[stream.status], code=LivestreamErrorCode.STREAM_NOT_LIVE, details=details)
    raise Conflict(_MESSAGES[stream.status], code=LivestreamErrorCode.STREAM_NOT_SCHEDULED, details=details)
