"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class PaymentsErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    CASE_CLOSED = "case_closed"
    SANDBOX_PAGE_CLOSED = "sandbox_page_closed"
    SANDBOX_NO_CHALLENGE = "sandbox_no_challenge"
