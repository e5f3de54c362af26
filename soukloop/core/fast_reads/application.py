"""The ASGI application that answers fast reads, and gives every other request to Django."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import psycopg
from django.conf import settings
from django.http import QueryDict
from django.http.request import split_domain_port, validate_host
from django.utils import translation

from soukloop.core import jsonlib, tracing
from soukloop.core.db.reads import Rows, Statement, run_async
from soukloop.core.errors import Unavailable
from soukloop.core.fast_reads.limiter import AsyncRateLimiter
from soukloop.core.fast_reads.pool import AsyncPool
from soukloop.core.fast_reads.routes import FastRoute
from soukloop.core.http.body_limit import Asgi, Message, Receive, Send
from soukloop.core.http.envelope import exception_handler
from soukloop.core.http.languages import active_language, preferred_language, use_account_language
from soukloop.core.http.request_metrics import count_request
from soukloop.core.http.requests import describe_request, forwarded_ip, log_request, take_request_id
from soukloop.core.metrics.processes import count_connections, sampling

logger = logging.getLogger(__name__)

Headers = dict[bytes, bytes]
_QUERY_MAX_LENGTH = 4096


@dataclass
class Answer:
    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]
    user_id: Any = None


class FastReads:
    """Answer plain GETs of these paths; give everything else to `app`."""

    def __init__(self, app: Asgi, routes: Mapping[str, FastRoute]) -> None:
        self.app = app
        self.routes = routes
        self.limiter = AsyncRateLimiter()
        self.parse = lru_cache(maxsize=256)(_parse)  # most requests are for the same few pages
        self.pool: AsyncPool | None = None
        sampling.register(self._sample)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        route = self.routes.get(scope["path"]) if scope["method"] == "GET" else None
        headers: Headers = dict(scope["headers"]) if route else {}
        if route is None or not _is_plain(scope, headers):
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = take_request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        peer = scope["client"][0] if scope.get("client") else "unknown"
        ip = forwarded_ip(peer, headers.get(b"x-forwarded-for", b"").decode("latin-1"))
        with tracing.span("GET", kind="server") as span:
            # The event loop runs each request in a context of its own, so others aren't changed.
            accept_language = headers.get(b"accept-language", b"").decode("latin-1")
            with translation.override(preferred_language(accept_language)):
                answer = await self._answer(route, scope["query_string"], headers, ip)
                answer.headers.append((b"content-language", active_language().encode()))
            if span is not None:
                describe_request(span, "GET", scope["path"], answer.status)
        took = time.perf_counter() - started
        start: Message = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(answer.body)).encode()),
                (b"x-request-id", request_id.encode()),
                (b"vary", b"Accept-Language"),
                *_security_headers(_is_secure(scope, headers)),
                *answer.headers,
            ],
        }
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})
        # After the response is sent: uvloop writes to the socket once the loop's ready callbacks ran.
        log = partial(_log_and_count, took=took, ip=ip, user_id=answer.user_id)
        asyncio.get_running_loop().call_soon(log, scope["path"], answer.status)

    async def close(self) -> None:
        """Close the connections, when the server stops."""
        if self.pool is not None:
            await self.pool.close()
            self.pool = None

    def _sample(self) -> None:
        if self.pool is not None:
            count_connections("fast_reads", self.pool)

    async def _answer(self, route: FastRoute, query: bytes, headers: Headers, ip: str) -> Answer:
        user_id = None
        limits: dict[str, str] = {}
        try:
            viewer = None
            if authorization := headers.get(b"authorization"):
                viewer = await run_async(route.authenticate(authorization.decode("latin-1")), self._fetch)
                if viewer is not None:
                    user_id = viewer.id
                    accept_language = headers.get(b"accept-language", b"").decode("latin-1")
                    use_account_language(accept_language, viewer.language)
            scopes = ["default", route.rate_scope] if route.rate_scope else ["default"]
            counted = self.limiter.count(scopes, user_id=user_id, ip=ip)
            try:
                reads = route.select(self.parse(route, query), viewer=viewer)
                data = await run_async(reads, self._fetch)
            finally:
                # While PostgreSQL worked; 429 comes before any other error, as in views.
                verdict = await counted
                limits = verdict.headers() if verdict else {}
            return Answer(200, jsonlib.dumps({"success": True, "data": data}), _encoded(limits), user_id)
        except Exception as error:
            response = exception_handler(error, {})
            shown = [each for each in _encoded({**limits, **response.headers}) if each[0] != b"content-type"]
            return Answer(response.status_code, jsonlib.dumps(response.data), shown, user_id)

    async def _fetch(self, statement: Statement) -> Rows:
        if self.pool is None:  # made late, because its connections belong to the running event loop
            self.pool = AsyncPool(settings.FEED_POOL_SIZE)
        try:
            return await self.pool.fetch(statement)
        except (psycopg.OperationalError, TimeoutError) as error:
            logger.warning("feed query failed: %s", error)
            raise Unavailable from error


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _log_and_count(path: str, status: int, *, took: float, ip: str, user_id: object) -> None:
    log_request("GET", path, status, took=took, ip=ip, user_id=user_id)
    count_request("GET", path, status, took)


def _parse(route: FastRoute, query: bytes) -> Any:
    return route.parse(QueryDict(query))


def _is_plain(scope: Any, headers: Headers) -> bool:
    """Return whether Django's middleware would let the request pass as it is."""
    return (
        len(scope["query_string"]) <= _QUERY_MAX_LENGTH
        and len(headers) == len(scope["headers"])  # Django decides which of two equal headers counts
        and b"%00" not in scope["query_string"]
        and _is_allowed_host(headers.get(b"host", b""))
        and (not settings.SECURE_SSL_REDIRECT or _is_secure(scope, headers))
    )


@lru_cache(maxsize=64)
def _is_allowed_host(host: bytes) -> bool:
    domain, _ = split_domain_port(host.decode("latin-1"))
    allowed = settings.ALLOWED_HOSTS or ([".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    return bool(domain) and validate_host(domain, allowed)


def _is_secure(scope: Any, headers: Headers) -> bool:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        given = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower().encode())
        if given is not None:
            return given.decode("latin-1").split(",", 1)[0].strip() == value
    return bool(scope.get("scheme") == "https")


@lru_cache(maxsize=2)
def _security_headers(is_secure: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return what SecurityMiddleware and XFrameOptionsMiddleware add; a test compares."""
    headers = [
        ("x-frame-options", settings.X_FRAME_OPTIONS),
        ("referrer-policy", settings.SECURE_REFERRER_POLICY),
        ("cross-origin-opener-policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY),
        ("allow", "GET, HEAD, OPTIONS"),
    ]
    if settings.SECURE_CONTENT_TYPE_NOSNIFF:
        headers.append(("x-content-type-options", "nosniff"))
    if is_secure and settings.SECURE_HSTS_SECONDS:
        value = f"max-age={settings.SECURE_HSTS_SECONDS}"
        value += "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
        value += "; preload" if settings.SECURE_HSTS_PRELOAD else ""
        headers.append(("strict-transport-security", value))
    return tuple((name.encode(), value.encode()) for name, value in headers)
