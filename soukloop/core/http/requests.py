"""The current request: its id, its client's address, its log line."""

import ipaddress
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from soukloop.core import tracing
from soukloop.core.http.request_metrics import count_request, route_of

logger = logging.getLogger("soukloop.request")
request_id: ContextVar[str] = ContextVar("request_id", default="")

_IP_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[0-9.]+))(?::[0-9]+)?")
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def client_ip(request: HttpRequest) -> str:
    """Return the address the client came from.

    `X-Forwarded-For` is believed only as far as `TRUSTED_PROXIES` proxies of ours wrote it; the rest of the
    header is the client's own invention.
    """
    peer = request.META.get("REMOTE_ADDR") or "unknown"
    return forwarded_ip(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""))


def forwarded_ip(peer: str, forwarded_for: str) -> str:
    """Return the address before the last `TRUSTED_PROXIES` hops, as `plain_ip` writes it."""
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()] + [peer]
    trusted: int = settings.TRUSTED_PROXIES
    return plain_ip(hops[max(0, len(hops) - 1 - trusted)])


@lru_cache(maxsize=1024)
def plain_ip(text: str) -> str:
    """Return an address as limits count it: without a port, and IPv4 as such inside IPv6.

    Some proxies send `192.0.2.1:50000` or `::ffff:192.0.2.1`. The one would be another address for each
    connection, and all of the other are in one /64, so that everybody would share the limits of one address.
    Other text, such as a socket's path, is returned as it is.
    """
    with_port = _IP_WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(with_port["v6"] or with_port["v4"] if with_port else text)
    except ValueError:
        return text
    return str(getattr(address, "ipv4_mapped", None) or address)


def bearer_token(header: str) -> str | None:
    """Return the token of an `Authorization` header: empty if it is missing, None for another scheme.

    White space around the scheme and the token is ignored, because people paste tokens.
    """
    scheme, *token = header.split(maxsplit=1) or [""]
    if scheme.lower() != "bearer":
        return None
    return token[0].strip() if token else ""


def take_request_id(given: str) -> str:
    """Set the current request's id: the client's if it is acceptable, otherwise a new one."""
    chosen = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
    request_id.set(chosen)
    return chosen


def log_request(method: str, path: str, status: int, *, took: float, ip: str, user_id: object = None) -> None:
    """Log one line; `took` is the time in seconds until the response was ready."""
    path = quote(path, safe="/")  # so that no control character reaches the log
    logger.info(
        "%s %s %s",
        method,
        path,
        status,
        extra={
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": round(took * 1000, 2),
            "ip": ip,
            **({"user_id": str(user_id)} if user_id else {}),
        },
    )


def describe_request(span: Any, method: str, route: str, status: int) -> None:
    """Say in a request's span what it was, in the names of OpenTelemetry."""
    attributes = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    tracing.describe(span, f"{method} {route}", **attributes, **{"souk.request_id": request_id.get()})


class RequestMiddleware:
    """Set each request's and response's id, and log one line per request (no query, no body)."""

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
        started = self._start(request)
        try:
            with tracing.span(str(request.method), kind="server") as span:
                return self._finish(request, self.get_response(request), started, span)
        finally:
            request_id.set("")  # what this thread does next was not caused by the request

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        started = self._start(request)
        with tracing.span(str(request.method), kind="server") as span:
            return self._finish(request, await self.get_response(request), started, span)

    def _start(self, request: HttpRequest) -> float:
        take_request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        return time.perf_counter()

    def _finish(
        self, request: HttpRequest, response: HttpResponse, started: float, span: Any
    ) -> HttpResponse:
        response["X-Request-ID"] = request_id.get()
        took = time.perf_counter() - started
        count_request(str(request.method), route_of(request), response.status_code, took)
        if span is not None:
            describe_request(span, str(request.method), route_of(request), response.status_code)
        if request.path in ("/healthz", "/readyz", "/metrics") and response.status_code < 400:
            return response
        log_request(
            str(request.method),
            request.path,
            response.status_code,
            took=took,
            ip=client_ip(request),
            user_id=getattr(request, "authenticated_user_id", None),
        )
        return response
