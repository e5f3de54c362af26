"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class ChatErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    CONVERSATION_NOT_FOUND = "conversation_not_found"
    MESSAGE_NOT_FOUND = "message_not_found"
    MESSAGING_UNAVAILABLE = "messaging_unavailable"
