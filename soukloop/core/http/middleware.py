"""The short middleware stack of the API: no cookies, one change of threads per request."""

from collections.abc import Callable, MutableMapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar, cast

from asgiref.sync import (
    ThreadSensitiveContext,
    async_to_sync,
    iscoroutinefunction,
    markcoroutinefunction,
    sync_to_async,
)
from django.conf import settings
from django.db import close_old_connections, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, get_urlconf, resolve
from django.utils.decorators import sync_and_async_middleware
from rest_framework.parsers import MultiPartParser
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import MissingFileError

from soukloop.core.errors import Busy
from soukloop.core.http.body_limit import Asgi, Receive, Send
from soukloop.core.http.envelope import json_error
from soukloop.core.http.requests import client_ip
from soukloop.core.http.upload_queue import UploadQueue

P = ParamSpec("P")
T = TypeVar("T")

# The API, the media server's callbacks, health checks, metrics. Everything else is a page.
_API_PATHS = ("/api/", "/internal/", "/healthz", "/readyz", "/metrics")


class ApiMiddleware:
    """Call the view of an API request here, and skip the middleware that only pages need.

    Sessions, CSRF, messages and the admin's login come later in MIDDLEWARE and never see such a request.
    Django's three middlewares for hosts and headers are called as functions: they do no I/O, but listed in
    MIDDLEWARE each of them would change threads twice.
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
            # More than there are connections to PostgreSQL would only wait for one.
            threads = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
            self._uploads = UploadQueue()
            self._call_view_in_thread = sync_to_async(
                _call_view_and_release,
                thread_sensitive=False,
                executor=ThreadPoolExecutor(threads, thread_name_prefix="view"),
            )

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path.startswith(_API_PATHS):
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
        elif _is_upload(match, request):
            response = await self._upload(match, request)
        else:
            response = await self._call_view_in_thread(match, request)
        return self._with_headers(request, response)

    async def _upload(self, match: ResolverMatch, request: HttpRequest) -> HttpResponse:
        """Call the view of an upload when it is its turn; each takes seconds of a thread."""
        try:
            async with self._uploads.turn(request.headers.get("Authorization") or client_ip(request)):
                response: HttpResponse = await self._call_view_in_thread(match, request)
                return response
        except Busy as error:
            return json_error(error)

    def _redirect(self, request: HttpRequest) -> HttpResponse | None:
        """Send plain HTTP to HTTPS, where it must be; raises DisallowedHost."""
        return self.security.process_request(request) or self.common.process_request(request)

    def _with_headers(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        for name, value in getattr(request, "rate_limit_headers", {}).items():
            response.headers.setdefault(name, value)
        self.frames.process_response(request, response)
        self.security.process_response(request, response)
        return cast(HttpResponse, self.common.process_response(request, response))


def _match(request: HttpRequest) -> ResolverMatch:
    request.resolver_match = _resolve(request.path_info, get_urlconf())
    return request.resolver_match


def _is_upload(match: ResolverMatch, request: HttpRequest) -> bool:
    view = getattr(match.func, "cls", None)
    return request.method == "POST" and MultiPartParser in getattr(view, "parser_classes", ())


_resolve = lru_cache(maxsize=1024)(resolve)  # Django tries one pattern after the other


def _answer(match: ResolverMatch, request: HttpRequest) -> HttpResponse:
    """Call a view and render what it answers."""
    view = async_to_sync(match.func) if iscoroutinefunction(match.func) else match.func
    response: HttpResponse = view(request, *match.args, **match.kwargs)
    return response.render() if isinstance(response, SimpleTemplateResponse) else response


def _call_view_and_release(match: ResolverMatch, request: HttpRequest) -> HttpResponse:
    """The same in a thread, which gives its connection to PostgreSQL back.

    A read whose connection was lost while PostgreSQL worked on it is repeated once, over another one. A write
    is not: it may have been committed.
    """
    try:
        response = _answer(match, request)
        if request.method in ("GET", "HEAD") and getattr(response, "lost_connection", False):
            connection.close()
            response = _answer(match, request)
        return response
    finally:
        close_old_connections()


@sync_and_async_middleware
def static_files_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Serve static files.

    ServeStatic's own middleware is asynchronous only, so Django would run all that comes before it
    asynchronously, also where the rest isn't: in Django's test client.
    """
    if iscoroutinefunction(get_response):
        return cast(Callable[[HttpRequest], Any], StaticFiles(get_response))
    blocking: Callable[[HttpRequest], Any] = async_to_sync(StaticFiles(sync_to_async(get_response)))
    return blocking


class StaticFiles(ServeStaticMiddleware):  # type: ignore[misc]  # the library is untyped
    """ServeStatic's middleware, for which a missing file is an error of the programmer while DEBUG is on."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return cast(HttpResponseBase, await super().__call__(request))
        except MissingFileError as error:
            raise Http404("File not found.") from error


class InlineSignals:
    """Let the requests of programs begin and end on the event loop, without a thread.

    Django sends its signals, and closes the response, in a thread of the request's own, because receivers
    look after that thread's connections. These requests' views have given theirs back by then.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(_API_PATHS):
            await self.app(scope, receive, send)
            return
        async with ThreadSensitiveContext(executor=InlineExecutor()):
            await self.app(scope, receive, send)


class InlineExecutor(Executor):
    """Call each function where it is submitted."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
