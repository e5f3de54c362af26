"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class NotificationsErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    DEVICE_NOT_FOUND = "device_not_found"
    NOTIFICATION_NOT_FOUND = "notification_not_found"
