"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class RealtimeErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    FLOODING = "flooding"
    CREDENTIALS_MISSING = "credentials_missing"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN_EVENT = "unknown_event"
    BAD_FRAME = "bad_frame"
    TOO_MANY_COMMANDS = "too_many_commands"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    SESSION_ENDED = "session_ended"
    TOO_MANY_CONNECTIONS = "too_many_connections"
