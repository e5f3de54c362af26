"""Errors that are sent to clients; `http.envelope` renders them for REST, `dispatch` for sockets."""

from collections.abc import Mapping
from typing import Any

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from soukloop.core.error_codes import CoreErrorCode, ErrorCode

Text = str | Promise
"""A text for people: `gettext_lazy("…")`, or a plain text that is the same in every language."""


class DomainError(Exception):
    """An error with a stable code, a message for people, and details where they help.

    `message` is a `gettext_lazy` text with `%(name)s` for each of `params`. It is put into the language of
    the request when the error is rendered, as are such texts in `details`.
    """

    status = 400
    code: ErrorCode = CoreErrorCode.BAD_REQUEST
    text: Text = _("The request could not be processed.")

    def __init__(
        self,
        message: Text | None = None,
        *,
        code: ErrorCode | None = None,
        params: Mapping[str, Any] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.text = message or self.text
        self.params = params
        self.code = code or self.code
        self.details = dict(details or {})
        super().__init__(self.text)

    @property
    def message(self) -> str:
        """The message in the active language."""
        return str(self.text) if self.params is None else str(self.text % self.params)

    def __str__(self) -> str:
        """Return the message in English, for logs."""
        with translation.override("en"):
            return self.message


class BadRequest(DomainError):
    pass


class ValidationFailed(DomainError):
    """`details` maps each field to its list of messages."""

    code = CoreErrorCode.VALIDATION_ERROR
    text = _("Some fields are missing or invalid.")


class NotAuthenticated(DomainError):
    status = 401
    code = CoreErrorCode.NOT_AUTHENTICATED
    text = _("Authentication is required.")


class Forbidden(DomainError):
    status = 403
    code = CoreErrorCode.FORBIDDEN
    text = _("You do not have permission to do this.")


class NotFound(DomainError):
    """Also raised for a row that exists but is hidden from the caller."""

    status = 404
    code = CoreErrorCode.NOT_FOUND
    text = _("Not found.")


class MethodNotAllowed(DomainError):
    status = 405
    code = CoreErrorCode.METHOD_NOT_ALLOWED
    text = _("Method not allowed.")


class Conflict(DomainError):
    """The row is in a state that does not allow this."""

    status = 409
    code = CoreErrorCode.CONFLICT
    text = _("The current state does not allow this.")


class RequestTimeout(DomainError):
    status = 408
    code = CoreErrorCode.REQUEST_TIMEOUT
    text = _("The request body took too long to arrive.")


class PreconditionFailed(DomainError):
    """The request is made for another version of a protocol, or of the row."""

    status = 412
    code = CoreErrorCode.PRECONDITION_FAILED
    text = _("The request does not fit what is there.")


class PayloadTooLarge(DomainError):
    status = 413
    code = CoreErrorCode.PAYLOAD_TOO_LARGE
    text = _("The request body is too large.")


class UnsupportedMediaType(DomainError):
    status = 415
    code = CoreErrorCode.UNSUPPORTED_MEDIA_TYPE
    text = _("Send JSON, or multipart/form-data to upload a file.")


class IdempotencyMismatch(DomainError):
    status = 422
    code = CoreErrorCode.IDEMPOTENCY_MISMATCH
    text = _("This Idempotency-Key was already used with a different request.")


class HeadersTooLarge(DomainError):
    status = 431
    code = CoreErrorCode.HEADERS_TOO_LARGE
    text = _("The request headers are too large.")


class RateLimited(DomainError):
    """A limit is used up; `message` says which, and the time to wait is appended to it."""

    status = 429
    code = CoreErrorCode.RATE_LIMITED
    text = _("Too many requests.")

    def __init__(
        self,
        message: Text | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        retry_after: int,
        limit: int | None = None,
    ) -> None:
        self.retry_after = max(1, retry_after)  # in whole seconds
        self.limit = limit  # of requests, if it is those that are limited
        super().__init__(message, params=params, details={"retry_after": self.retry_after})

    @property
    def message(self) -> str:
        # Translators: what is limited, and how long to wait: "Too many requests. Try again in 5 minutes."
        template = _("%(problem)s Try again in %(duration)s.")
        return template % {"problem": super().message, "duration": duration_words(self.retry_after)}


def duration_words(seconds: int) -> str:
    """Return "45 seconds", "5 minutes" or "3 hours 20 minutes", rounded up, in the active language."""
    if seconds < 120:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    hours, minutes = divmod(-(-seconds // 60), 60)
    in_minutes = ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    if not hours:
        return in_minutes
    in_hours = ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    return _("%(hours)s %(minutes)s") % {"hours": in_hours, "minutes": in_minutes} if minutes else in_hours


class ServerError(DomainError):
    status = 500
    code = CoreErrorCode.SERVER_ERROR
    text = _("Internal server error.")


class Unavailable(DomainError):
    """PostgreSQL, Redis or storage is temporarily unavailable; the request may be retried."""

    status = 503
    code = CoreErrorCode.UNAVAILABLE
    text = _("The service is temporarily unavailable. Try again.")


class Busy(Unavailable):
    """A bounded waiting line is full; the request was not begun and may be repeated."""

    code = CoreErrorCode.BUSY
    text = _("Too many uploads are waiting. Try again in a moment.")
