"""What can go wrong, as the domain names it; `envelope` renders it for REST, `dispatch` for sockets."""

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """A refusal that a client is told about: a stable code, a sentence, and details where they help."""

    status = 400
    code = "bad_request"
    message = "The request can't be carried out."

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
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

    code = "validation_error"
    message = "Some fields are missing or wrong."


class NotAuthenticated(DomainError):
    status = 401
    code = "not_authenticated"
    message = "Log in first."


class Forbidden(DomainError):
    status = 403
    code = "forbidden"
    message = "You may not do this."


class NotFound(DomainError):
    """Also the answer for what exists but is none of the caller's business."""

    status = 404
    code = "not_found"
    message = "There is nothing here."


class MethodNotAllowed(DomainError):
    status = 405
    code = "method_not_allowed"
    message = "This method isn't allowed here."


class Conflict(DomainError):
    """The thing is in a state that doesn't allow this."""

    status = 409
    code = "conflict"
    message = "This can't be done any more."


class PayloadTooLarge(DomainError):
    status = 413
    code = "payload_too_large"
    message = "The body is too large."


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported_media_type"
    message = "Send JSON, or a form where a file is wanted."


class IdempotencyMismatch(DomainError):
    status = 422
    code = "idempotency_mismatch"
    message = "This Idempotency-Key was used with another request."


class RateLimited(DomainError):
    """`retry_after` is in whole seconds."""

    status = 429
    code = "rate_limited"
    message = "Too many requests. Try again later."

    def __init__(self, *, retry_after: int) -> None:
        self.retry_after = max(1, retry_after)
        super().__init__(details={"retry_after": self.retry_after})


class ServerError(DomainError):
    status = 500
    code = "server_error"
    message = "Something went wrong on our side."


class Unavailable(DomainError):
    """A part we stand on is away for the moment; the same request may be sent again."""

    status = 503
    code = "unavailable"
    message = "The service is briefly unavailable. Try again."
