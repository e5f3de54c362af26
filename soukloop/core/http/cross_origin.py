"""CORS: pages of trusted origins may call the API and read what any part of the server answers."""

from typing import Any

from soukloop.core.http.body_limit import Asgi, Message, Receive, Send
from soukloop.core.http.origins import is_trusted_origin

PATHS = ("/api/", "/openapi.json", "/asyncapi.json", "/.well-known/")

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    b"Accept-Language, Authorization, Content-Type, Idempotency-Key, If-None-Match, Tus-Resumable,"
    b" Upload-Length, Upload-Metadata, Upload-Offset, X-Request-ID"
)
_ANSWER_HEADERS = (
    b"Content-Language, Deprecation, ETag, Idempotent-Replayed, Location, RateLimit-Limit,"
    b" RateLimit-Remaining, RateLimit-Reset, Retry-After, Sunset, Tus-Extension, Tus-Max-Size, Tus-Resumable,"
    b" Tus-Version, Upload-Expires, Upload-Length, Upload-Offset, X-Request-ID"
)
_PREFLIGHT_SECONDS = b"600"  # how long a browser remembers the answer; Chromium's own bound is two hours


class CrossOrigin:
    """Answer preflight requests, and allow pages of trusted origins to read every answer, refusals too.

    There are no cookies in the API, so `Access-Control-Allow-Credentials` is never sent. A page of another
    site gets the same answer without the headers, and its browser keeps the answer from it.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATHS):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        is_trusted = bool(origin) and is_trusted_origin(
            origin.decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
        )
        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        if is_trusted and is_preflight:
            return await _answer_preflight(origin, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Also without an Origin: a cache must not give that answer to a page.
                message["headers"] = add_vary(message["headers"], b"Origin")
                if is_trusted:
                    message["headers"] += [
                        (b"access-control-allow-origin", origin),
                        (b"access-control-expose-headers", _ANSWER_HEADERS),
                    ]
            await send(message)

        return await self.app(scope, receive, send_with_headers)


def add_vary(headers: Any, *names: bytes) -> list[tuple[bytes, bytes]]:
    """Return response headers whose `Vary` has these names as well."""
    others = [(name, value) for name, value in headers if name.lower() != b"vary"]
    given = b", ".join(value for name, value in headers if name.lower() == b"vary")
    listed = [part.strip() for part in given.split(b",") if part.strip()]
    known = {part.lower() for part in listed}
    listed += [name for name in names if name.lower() not in known]
    return [*others, (b"vary", b", ".join(listed))]


async def _answer_preflight(origin: bytes, send: Send) -> None:
    headers = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _REQUEST_HEADERS),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
        (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
