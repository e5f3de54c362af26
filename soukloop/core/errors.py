"""Errors that are sent to clients; `http.envelope` renders them for REST, `dispatch` for sockets."""

from collections.abc import Mapping
from typing import Any

from soukloop.core.error_codes import CoreErrorCode, ErrorCode


class DomainError(Exception):
    """An error with a stable code, a message for people, and details where they help."""

    status = 400
    code: ErrorCode = CoreErrorCode.BAD_REQUEST
    message = "The request could not be processed."

    def __init__(
        self,
        message: str | None = None,
        *,
        code: ErrorCode | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.message = message or self.message
        self.code = code or self.code
        self.details = dict(details or {})
        super().__init__(self.message)


class BadRequest(DomainError):
    pass


class ValidationFailed(DomainError):
    """`details` maps each field to its list of messages."""

    code = CoreErrorCode.VALIDATION_ERROR
    message = "Some fields are missing or invalid."


class NotAuthenticated(DomainError):
    status = 401
    code = CoreErrorCode.NOT_AUTHENTICATED
    message = "Authentication is required."


class Forbidden(DomainError):
    status = 403
    code = CoreErrorCode.FORBIDDEN
    message = "You do not have permission to do this."


class NotFound(DomainError):
    """Also raised for a row that exists but is hidden from the caller."""

    status = 404
    code = CoreErrorCode.NOT_FOUND
    message = "Not found."


class MethodNotAllowed(DomainError):
    status = 405
    code = CoreErrorCode.METHOD_NOT_ALLOWED
    message = "Method not allowed."


class Conflict(DomainError):
    """The row is in a state that does not allow this."""

    status = 409
    code = CoreErrorCode.CONFLICT
    message = "The current state does not allow this."


class RequestTimeout(DomainError):
    status = 408
    code = CoreErrorCode.REQUEST_TIMEOUT
    message = "The request body took too long to arrive."


class PayloadTooLarge(DomainError):
    status = 413
    code = CoreErrorCode.PAYLOAD_TOO_LARGE
    message = "The request body is too large."


class UnsupportedMediaType(DomainError):
    status = 415
    code = CoreErrorCode.UNSUPPORTED_MEDIA_TYPE
    message = "Send JSON, or multipart/form-data to upload a file."


class IdempotencyMismatch(DomainError):
    status = 422
    code = CoreErrorCode.IDEMPOTENCY_MISMATCH
    message = "This Idempotency-Key was already used with a different request."


class HeadersTooLarge(DomainError):
    status = 431
    code = CoreErrorCode.HEADERS_TOO_LARGE
    message = "The request headers are too large."


class RateLimited(DomainError):
    """A limit is used up; `message` says which, and the time to wait is appended to it."""

    status = 429
    code = CoreErrorCode.RATE_LIMITED
    message = "Too many requests."

    def __init__(self, message: str | None = None, *, retry_after: int) -> None:
        self.retry_after = max(1, retry_after)  # in whole seconds
        text = f"{message or self.message} Try again in {duration_words(self.retry_after)}."
        super().__init__(text, details={"retry_after": self.retry_after})


def duration_words(seconds: int) -> str:
    """Return "45 seconds", "5 minutes" or "3 hours 20 minutes", rounded up."""
    if seconds < 120:
        return _counted(seconds, "second")
    hours, minutes = divmod(-(-seconds // 60), 60)
    parts = [_counted(hours, "hour")] if hours else []
    return " ".join([*parts, _counted(minutes, "minute")] if minutes else parts)


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


class ServerError(DomainError):
    status = 500
    code = CoreErrorCode.SERVER_ERROR
    message = "Internal server error."


class Unavailable(DomainError):
    """PostgreSQL, Redis or storage is temporarily unavailable; the request may be retried."""

    status = 503
    code = CoreErrorCode.UNAVAILABLE
    message = "The service is temporarily unavailable. Try again."


class Busy(Unavailable):
    """A bounded waiting line is full; the request was not begun and may be repeated."""

    code = CoreErrorCode.BUSY
    message = "Too many uploads are waiting. Try again in a moment."
