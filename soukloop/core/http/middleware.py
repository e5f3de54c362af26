"""The short way of requests that programs make: no cookies, no sessions, one change of threads."""

from collections.abc import Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, resolve

# The API, the media server's callbacks, health checks. Everything else is a page.
_FOR_PROGRAMS = ("/api/", "/internal/", "/healthz", "/readyz")


class ApiMiddleware:
    """Call the view of a program's request here, before the middleware that only pages need.

    Sessions, CSRF, messages and the admin's login come after this one and never see such a request. What
    checks the host and adds headers is called as a function: it waits for nothing, but as middleware each of
    the three would change threads twice.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.security = SecurityMiddleware(get_response)
        self.common = CommonMiddleware(get_response)
        self.frames = XFrameOptionsMiddleware(get_response)
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path.startswith(_FOR_PROGRAMS):
            return self.get_response(request)
        if self.is_async:
            return self._acall(request)
        return self._redirect(request) or self._with_headers(request, _answer(_match(request), request))

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        redirect = self._redirect(request)
        if redirect is not None:
            return redirect
        match = _match(request)
        if iscoroutinefunction(match.func):
            response: HttpResponse = await match.func(request, *match.args, **match.kwargs)
        else:
            response = await sync_to_async(_answer)(match, request)
        return self._with_headers(request, response)

    def _redirect(self, request: HttpRequest) -> HttpResponse | None:
        """Send plain HTTP to HTTPS, where it must be; raises DisallowedHost."""
        return self.security.process_request(request) or self.common.process_request(request)

    def _with_headers(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        self.frames.process_response(request, response)
        self.security.process_response(request, response)
        return cast(HttpResponse, self.common.process_response(request, response))


def _match(request: HttpRequest) -> ResolverMatch:
    request.resolver_match = resolve(request.path_info)
    return request.resolver_match


def _answer(match: ResolverMatch, request: HttpRequest) -> HttpResponse:
    """Call a view that is a plain function, and render what it answers."""
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response.render() if isinstance(response, SimpleTemplateResponse) else response
