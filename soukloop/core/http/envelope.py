"""The envelope of responses and errors, `{"success": …}`: rendering, error translation, JSON errors."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFilesSent,
)
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError
from rest_framework import exceptions as drf
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from soukloop.core import errors, jsonlib
from soukloop.core.db.outage import is_lost_connection
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.error_reports import report_error

logger = logging.getLogger("soukloop.errors")


class Bare(dict[str, Any]):
    """Data that is sent without the envelope, as the contract has it for `send-otp` and `verify-otp`."""


def error_body(error: errors.DomainError) -> dict[str, Any]:
    """Return `{"success": false, "error": {"code", "message", "details"}}`, in the active language."""
    return {
        "success": False,
        "error": {"code": error.code, "message": error.message, "details": _translated(error.details)},
    }


def _translated(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _translated(item) for key, item in value.items()}
    return [_translated(item) for item in value] if isinstance(value, (list, tuple)) else value


class EnvelopeRenderer(BaseRenderer):
    """Wrap what a view returns as `{"success": true, "data": …}`."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        response = renderer_context["response"] if renderer_context else None
        if response is not None and response.status_code == 204:
            return b""
        if isinstance(data, Bare) or (response is not None and response.exception):
            return jsonlib.dumps(data)
        return jsonlib.dumps({"success": True, "data": data})


class AlwaysJson(BaseContentNegotiation):
    """Always respond with JSON, whatever `Accept` says; choose the parser by `Content-Type`."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        content_type = (request.content_type or "").split(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type == content_type:
                return parser
        # No type, or the default of curl or fetch: the client most likely means JSON.
        if content_type in ("", "text/plain", "application/x-www-form-urlencoded"):
            for parser in parsers:
                if parser.media_type == "application/json":
                    return parser
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return (renderers[0], renderers[0].media_type)


def domain_error(exc: BaseException) -> errors.DomainError | None:
    """Translate an exception of Django, DRF, PostgreSQL or Redis; None for one that is a bug."""
    match exc:
        case errors.DomainError():
            return exc
        case drf.ValidationError():
            return errors.ValidationFailed(details=_field_messages(exc.detail))
        case drf.AuthenticationFailed() | drf.NotAuthenticated():
            return errors.NotAuthenticated()
        case drf.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case drf.UnsupportedMediaType():
            return errors.UnsupportedMediaType()
        case drf.ParseError():
            return errors.BadRequest(
                _("The request body could not be parsed."), code=CoreErrorCode.MALFORMED_BODY
            )
        case Http404() | drf.NotFound():
            return errors.NotFound()
        case PermissionDenied() | drf.PermissionDenied():
            return errors.Forbidden()
        case RequestDataTooBig() | TooManyFilesSent():
            return errors.PayloadTooLarge()
        case SuspiciousOperation():  # for example, too many form fields
            return errors.BadRequest()
        case RedisError() | PoolTimeout() | InterfaceError() | OperationalError():
            return errors.Unavailable()
        case DatabaseError() if getattr(exc.__cause__, "sqlstate", "") in _RETRYABLE:
            return errors.Unavailable()
    return None


# serialization_failure, deadlock_detected, lock_not_available, query_canceled
_RETRYABLE = {"40001", "40P01", "55P03", "57014"}


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Render any exception of a view; an unexpected one is logged with its traceback and becomes a 500."""
    error = domain_error(exc)
    if error is None:
        logger.exception("unhandled error", exc_info=exc)
        report_error(exc, view=type(context.get("view")).__name__)
        error = errors.ServerError()
    elif error.status >= 500:
        logger.error("%s: %s", error.code, exc)
    if action := getattr(context.get("request"), "counted_action", None):
        action.refused(error.status)
    headers = {}
    if isinstance(error, errors.RateLimited):
        headers["Retry-After"] = str(error.retry_after)
        if error.limit is not None:
            headers |= rate_limit_headers(error.limit, 0, error.retry_after)
    elif error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    elif error.status == 503:
        headers["Retry-After"] = "2"
    response = Response(error_body(error), status=error.status, headers=headers)
    response.lost_connection = is_lost_connection(exc)  # type: ignore[attr-defined]
    return response


def rate_limit_headers(limit: int, remaining: int, seconds: int) -> dict[str, str]:
    """Return how much a client may still ask, and in how many seconds more."""
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(seconds),
    }


def _field_messages(detail: Any) -> dict[str, Any]:
    if isinstance(detail, Mapping):
        return {str(key): _messages(value) for key, value in detail.items()}
    return {"non_field_errors": _messages(detail)}


def _messages(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _messages(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_messages(item) for item in value]
    return str(value)


def json_error(error: errors.DomainError, status: int | None = None) -> HttpResponse:
    """Render an error outside of DRF's views."""
    headers = {"Retry-After": "2"} if error.status == 503 else {}
    return HttpResponse(
        jsonlib.dumps(error_body(error)),
        status=status or error.status,
        content_type="application/json",
        headers=headers,
    )


class JsonErrorsMiddleware:
    """Render any error under `/api/` that no view raised as JSON: a bad host, a bad path, a crash."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._acall(request)
        refusal = self._refusal(request)
        return refusal or self._as_json(request, self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        refusal = self._refusal(request)
        return refusal or self._as_json(request, await self.get_response(request))

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Refuse NUL characters in the URL, because PostgreSQL cannot store them in text."""
        if not request.path.startswith("/api/"):
            return None
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return json_error(
                errors.BadRequest(_("NUL characters are not allowed."), code=CoreErrorCode.NUL_CHARACTER)
            )
        return None

    def _as_json(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code < 400 or not request.path.startswith("/api/"):
            return response
        if response.get("Content-Type", "").startswith("application/json"):
            return response
        kind = _BY_STATUS.get(response.status_code)
        if kind is None:
            kind = errors.ServerError if response.status_code >= 500 else errors.BadRequest
        return json_error(kind(), status=response.status_code)


_BY_STATUS: dict[int, Callable[[], errors.DomainError]] = {
    kind.status: kind
    for kind in (
        errors.BadRequest,
        errors.NotAuthenticated,
        errors.Forbidden,
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.PayloadTooLarge,
        errors.UnsupportedMediaType,
        errors.ServerError,
        errors.Unavailable,
    )
}
