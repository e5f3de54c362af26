"""The stable codes of errors, and where the codes of all apps are collected."""

from enum import StrEnum

from django.utils.module_loading import autodiscover_modules


class ErrorCode(StrEnum):
    """The base of each app's codes, which are members of an enum in its `error_codes` module."""


class CoreErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    VALIDATION_ERROR = "validation_error"
    BAD_REQUEST = "bad_request"
    MALFORMED_JSON = "malformed_json"
    MALFORMED_BODY = "malformed_body"
    NUL_CHARACTER = "nul_character"
    BAD_IDEMPOTENCY_KEY = "bad_idempotency_key"
    IMAGE_INVALID = "image_invalid"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    UNKNOWN_URL = "unknown_url"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    REQUEST_TIMEOUT = "request_timeout"
    HEADERS_TOO_LARGE = "headers_too_large"
    PRECONDITION_FAILED = "precondition_failed"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    NOT_AUTHENTICATED = "not_authenticated"
    TOKEN_INVALID = "token_invalid"
    TOKEN_REVOKED = "token_revoked"


def all_error_codes() -> list[ErrorCode]:
    """Return the codes of all installed apps, sorted."""
    autodiscover_modules("error_codes")
    return sorted(code for kind in ErrorCode.__subclasses__() for code in kind)
