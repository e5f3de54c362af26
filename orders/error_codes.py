"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class OrdersErrorCode(ErrorCode):
    """Explained in docs/errors.md."""
