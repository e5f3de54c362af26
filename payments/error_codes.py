"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class PaymentsErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    CASE_CLOSED = "case_closed"
