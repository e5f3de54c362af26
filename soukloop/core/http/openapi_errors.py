"""The error responses in the OpenAPI description: those that follow from an operation, and its own."""

import copy
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy as _

from soukloop.core import errors
from soukloop.core.error_codes import all_error_codes
from soukloop.core.http.envelope import error_body

_SCHEMA = {
    "type": "object",
    "description": "`error.code` says what happened and never changes; `error.message` is for people.",
    "required": ["success", "error"],
    "properties": {
        "success": {"type": "boolean", "const": False},
        "error": {"$ref": "#/components/schemas/ErrorDetails"},
    },
}
_DETAILS_SCHEMA = {
    "type": "object",
    "required": ["code", "message", "details"],
    "properties": {
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "message": {"type": "string", "description": "For people"},
        "details": {
            "type": "object",
            "additionalProperties": True,
            "description": "Messages per field of a `validation_error`, `retry_after` of a `rate_limited`; "
            "else mostly empty",
        },
    },
}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}

_RESPONSES: dict[int, tuple[str, str, errors.DomainError]] = {
    400: (
        "BadRequest",
        "Something in the request is missing or invalid.",
        errors.ValidationFailed(details={"price": [_("A price must be more than zero.")]}),
    ),
    401: (
        "Unauthorized",
        "The access token or the credentials are missing or invalid.",
        errors.NotAuthenticated(),
    ),
    403: ("Forbidden", "You may not do this.", errors.Forbidden()),
    404: ("NotFound", "There is no such thing, or you can't see it.", errors.NotFound()),
    408: ("RequestTimeout", "The body took too long to arrive.", errors.RequestTimeout()),
    409: ("Conflict", "The current state does not allow this.", errors.Conflict()),
    412: (
        "PreconditionFailed",
        "The request is made for another version of the protocol.",
        errors.PreconditionFailed(),
    ),
    413: ("PayloadTooLarge", "The body is too large.", errors.PayloadTooLarge()),
    415: (
        "UnsupportedMediaType",
        "The body has another type than described.",
        errors.UnsupportedMediaType(),
    ),
    422: (
        "IdempotencyMismatch",
        "The `Idempotency-Key` was used with another request.",
        errors.IdempotencyMismatch(),
    ),
    429: ("TooManyRequests", "A limit is used up.", errors.RateLimited(retry_after=42)),
    503: ("Unavailable", "Temporarily unavailable; the request may be repeated.", errors.Unavailable()),
}
_ALWAYS = (400, 429, 503)  # a URL with NUL is refused everywhere


def refusals(*statuses: int) -> dict[int, None]:
    """Declare statuses of errors that don't follow from an operation's parameters, body and login.

    For `@extend_schema(responses={200: …} | refusals(403, 409))`.
    """
    unknown = set(statuses) - set(_RESPONSES)
    assert not unknown, f"describe {unknown} in {__name__}"
    return dict.fromkeys(statuses)


def error_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of an error and of its code, by their names, for REST and sockets."""
    codes = {
        "type": "string",
        "description": "What happened, explained in docs/errors.md. Never translated. New codes may be added:"
        " treat one that you don't know by its status.",
        "enum": [code.value for code in all_error_codes()],
    }
    return {"ErrorDetails": copy.deepcopy(_DETAILS_SCHEMA), "ErrorCode": codes}


def add_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Describe the errors of each operation by one response per status."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(error_schemas(), ErrorResponse=_SCHEMA)
    components["responses"] = {name: _response(status) for status, (name, _, _) in _RESPONSES.items()}
    for path in result["paths"].values():
        for method, operation in path.items():
            responses = operation["responses"]
            own = {int(status) for status in responses if int(status) >= 400}
            for status in sorted(own | set(_derived(method, operation))):
                responses[str(status)] = {"$ref": f"#/components/responses/{_RESPONSES[status][0]}"}
    return result


def _derived(method: str, operation: dict[str, Any]) -> Iterator[int]:
    parameters = operation.get("parameters", [])
    places = {parameter["in"] for parameter in parameters}
    # A body is refused where none is described.
    has_body = "requestBody" in operation or method in ("post", "put", "patch")
    yield from _ALWAYS
    if any(operation.get("security", [])):
        yield 401
    if "path" in places:
        yield 404
    if has_body:
        yield from (408, 413, 415)
    if any(parameter["name"] == "Idempotency-Key" for parameter in parameters):
        yield 422


def _response(status: int) -> dict[str, Any]:
    _, description, error = _RESPONSES[status]
    response: dict[str, Any] = {
        "description": description,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ErrorResponse"},
                "example": error_body(error),
            }
        },
    }
    if status in (429, 503):
        response["headers"] = _RETRY_AFTER
    return response
