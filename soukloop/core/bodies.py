"""Refuse huge request bodies before they are read, whatever server is in front."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from soukloop.core import jsonlib
from soukloop.core.envelope import error_body
from soukloop.core.errors import PayloadTooLarge

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyLimit:
    """Answer 413 to a body over the limit: by its declared length at once, otherwise when it gets there.

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
        if declared.isdigit() and int(declared) > limit:
            return await _refuse(send)
        body = await self._read(receive, limit)
        if body is None:
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
