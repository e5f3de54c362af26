"""The language of an answer: what the request prefers, otherwise the account's, otherwise English."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from soukloop.core import jsonlib
from soukloop.core.errors import DomainError
from soukloop.core.http.envelope import error_body

DEFAULT_LANGUAGE = "en"

_LANGUAGE_RANGE = re.compile(
    r"\s*([A-Za-z]{2,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*"
)
# For staff and programmers. Other pages are those that end emails, and errors.
_ENGLISH_PATHS = ("/admin", "/docs", "/redoc", "/openapi.json", "/static/", "/metrics")


@lru_cache(maxsize=256)
def requested_language(accept_language: str) -> str | None:
    """Return "ar" or "en", whichever an `Accept-Language` header (RFC 9110) prefers; None for neither.

    Of two with the same weight, the first.
    """
    weights: dict[str, float] = {}
    for part in accept_language[:200].split(","):
        found = _LANGUAGE_RANGE.fullmatch(part)
        if found and (language := found[1].lower()) in ("ar", "en"):
            weights[language] = max(weights.get(language, 0.0), float(found[2] or 1))
    accepted = {language: weight for language, weight in weights.items() if weight > 0}
    return max(accepted, key=lambda language: accepted[language]) if accepted else None


def preferred_language(accept_language: str) -> str:
    """Return the language that an `Accept-Language` header prefers; English if it names none of ours."""
    return requested_language(accept_language) or DEFAULT_LANGUAGE


def active_language() -> str:
    """Return the language of the answer that is being made."""
    return translation.get_language() or DEFAULT_LANGUAGE


def use_account_language(accept_language: str, account_language: str) -> None:
    """Answer in the account's language, unless the request names one of ours.

    To be called within the `translation.override` of the request, which ends it.
    """
    if requested_language(accept_language) is None:
        translation.activate(account_language)


def error_in_language(
    error: DomainError, headers: Mapping[bytes, bytes], *, language: str | None = None
) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return an error in this language, or in that of a request's headers, and the headers that say so.

    For errors that are answered before Django gets the request.
    """
    language = language or preferred_language(headers.get(b"accept-language", b"").decode("latin-1"))
    with translation.override(language):
        body = jsonlib.dumps(error_body(error))
    return body, [(b"content-language", language.encode()), (b"vary", b"Accept-Language")]


class LanguageMiddleware:
    """Activate the language of a request, and say in the answer which one it is in.

    A language that is activated later, in the thread of the view, is known here too: asgiref gives context
    variables back to the coroutine.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith(_ENGLISH_PATHS):
            return self.get_response(request)
        if self.is_async:
            return self._acall(request)
        with translation.override(preferred_language(request.headers.get("Accept-Language", ""))):
            return _with_language(self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        with translation.override(preferred_language(request.headers.get("Accept-Language", ""))):
            return _with_language(await self.get_response(request))


def _with_language(response: HttpResponse) -> HttpResponse:
    if "Idempotent-Replayed" not in response:  # which is in the language of the first request
        response.headers.setdefault("Content-Language", active_language())
    patch_vary_headers(response, ["Accept-Language"])
    return response
