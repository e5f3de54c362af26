"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class ChatErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    CONVERSATION_NOT_FOUND = "conversation_not_found"
    MESSAGE_NOT_FOUND = "message_not_found"
    MESSAGE_NOT_YOURS = "message_not_yours"
    MESSAGE_TOO_OLD = "message_too_old"
    MESSAGE_DELETED = "message_deleted"
    MESSAGE_NOT_CHANGEABLE = "message_not_changeable"
    MESSAGING_UNAVAILABLE = "messaging_unavailable"
