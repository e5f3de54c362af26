"""Refuse huge request bodies before Django receives them, with any server."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from django.conf import settings

from soukloop.core import jsonlib
from soukloop.core.errors import PayloadTooLarge
from soukloop.core.http.envelope import error_body

# How much of a refused body is still read, and for how long.
DRAIN_MAX = 32 * 1024 * 1024
DRAIN_SECONDS = 10

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyLimit:
    """Answer 413 to a body over the limit: at once if it declares its length, otherwise when it gets there.

    Django spools a whole body to disk before any view sees it; a chunked one has no declared end.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        is_form = headers.get(b"content-type", b"").startswith(b"multipart/")
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_form else settings.JSON_BODY_MAX_BYTES
        declared = headers.get(b"content-length", b"")
        is_too_large = declared.isdigit() and int(declared) > limit
        body = None if is_too_large else await self._read(receive, limit)
        if body is None:
            if b"expect" not in headers:  # with `Expect` the client sends no body first
                await _drain(receive)
            return await _refuse(send)
        return await self.app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive, limit: int) -> list[Message] | None:
        """Return the body's messages, or None when they exceed the limit."""
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > limit:
                return None
            if message["type"] != "http.request" or not message.get("more_body"):
                return messages


async def _drain(receive: Receive) -> None:
    """Read on for a while and discard it: most clients read a response only after sending the whole body."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while size < DRAIN_MAX:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def _replay(messages: list[Message], receive: Receive) -> Receive:
    pending = iter(messages)

    async def replayed() -> Message:
        for message in pending:
            return message
        return await receive()

    return replayed


async def _refuse(send: Send) -> None:
    body = jsonlib.dumps(error_body(PayloadTooLarge()))
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
