"""Fewer bytes and questions: compression, `ETag` with 304, and `Cache-Control` on each answer of the API."""

import re
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from rest_framework.response import Response

from soukloop.core.http.body_limit import Asgi, Message, Receive, Send
from soukloop.core.http.cross_origin import PATHS, add_vary

Headers = list[tuple[bytes, bytes]]

PUBLIC = {"Cache-Control": "public, max-age=60"}
"""The header of answers that are the same for everybody who reads the same language."""

_SECRET = b"no-store"
_PRIVATE = b"private, no-cache"  # may be kept by the client, which asks each time whether it still holds
_COMPRESS_FROM = 1024  # bytes: below that the headers weigh as much as what is saved
_LEVEL = 6  # a page of 20 cards: 8 KB become 1.3 KB in 0.2 ms
_GZIP = 31  # zlib's window size for a gzip header and trailer
_ENCODING = re.compile(rb"\s*(gzip|\*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE)


class SecretResponse(Response):
    """An answer with tokens or codes: nobody stores it, and it isn't compressed."""

    def __init__(self, data: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(data, status=status, headers={**(headers or {}), "Cache-Control": _SECRET.decode()})


class Caching:
    """Give every answer of the API a `Cache-Control`, each JSON document that was read an `ETag`.

    A client that sends the `ETag` back in `If-None-Match` gets 304 without a body while the document is the
    same. JSON over 1 KB is compressed for clients that accept gzip, except answers with tokens or codes
    (`SecretResponse`): from the length of a compressed answer a secret could be guessed.

    Answers are collected whole; nothing below `PATHS` is a stream.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATHS):
            return await self.app(scope, receive, send)
        request = dict(scope["headers"])
        is_read = scope["method"] in ("GET", "HEAD")
        start: Message | None = None
        collected: list[bytes] = []

        async def send_prepared(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif start is None:
                await send(message)
            else:
                collected.append(message.get("body", b""))
                if message.get("more_body"):  # Django sends 64 KiB at a time
                    return
                first, whole = start, {**message, "body": b"".join(collected)}
                start = None
                _prepare(first, whole, request, is_read=is_read)
                await send(first)
                await send(whole)

        return await self.app(scope, receive, send_prepared)


def _prepare(start: Message, end: Message, request: dict[bytes, bytes], *, is_read: bool) -> None:
    """Change a whole answer: its status and headers in `start`, its body in `end`."""
    headers: Headers = list(start["headers"])
    found = {name.lower(): value for name, value in headers}
    body = end.get("body", b"")
    is_secret = found.get(b"cache-control") == _SECRET
    is_document = is_read and start["status"] == 200 and not is_secret
    if b"cache-control" not in found:
        # Who reads, and in which language, decides what is in nearly every answer.
        headers.append((b"cache-control", _PRIVATE if is_document else b"no-store"))
    headers = add_vary(headers, b"Authorization", b"Accept-Language")
    if is_document and body:  # Django answers HEAD without it
        etag = b'W/"%s"' % blake2b(body, digest_size=12).hexdigest().encode()
        headers.append((b"etag", etag))
        if _matches(request.get(b"if-none-match", b""), etag):
            start["status"], end["body"] = 304, b""
            start["headers"] = _without(headers, b"content-type", b"content-length")
            return
    is_json = found.get(b"content-type", b"").startswith(
        (b"application/json", b"application/vnd.oai.openapi")
    )
    if is_json and len(body) > _COMPRESS_FROM and not is_secret and b"content-encoding" not in found:
        headers = add_vary(headers, b"Accept-Encoding")
        if _accepts_gzip(request.get(b"accept-encoding", b"")):
            packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
            end["body"] = body = packer.compress(body) + packer.flush()
            headers = _without(headers, b"content-length")
            headers += [(b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())]
    start["headers"] = headers


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    """Compare weakly (RFC 9110, 13.1.2), as proxies that compress make an ETag weak."""
    given = [part.strip().removeprefix(b"W/") for part in if_none_match.split(b",")]
    return given == [b"*"] or etag.removeprefix(b"W/") in given


def _accepts_gzip(accept_encoding: bytes) -> bool:
    weights: dict[bytes, float] = {}
    for part in accept_encoding.split(b","):
        if found := _ENCODING.fullmatch(part):
            weights[found[1].lower()] = float(found[2] or 1)
    return weights.get(b"gzip", weights.get(b"*", 0.0)) > 0


def _without(headers: Headers, *names: bytes) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in names]
