"""Receive request bodies whole before Django sees them: limited in size and time, their length known."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import Any

from django.conf import settings

from soukloop.core.errors import DomainError, PayloadTooLarge, RequestTimeout
from soukloop.core.http.languages import error_in_language
from soukloop.core.http.request_metrics import REFUSED, count_request

# How much of a refused body is still read, and for how long.
DRAIN_MAX = 32 * 1024 * 1024
DRAIN_SECONDS = 10
_CHUNK = 256 * 1024

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyLimit:
    """Answer 413 to a body over the limit: at once if it declares its length, otherwise when it gets there.

    Django spools a whole body to disk before any view sees it, that of a GET too. A chunked one declares no
    length, and Django and DRF read a request without one as a request without a body, so its length is added
    to the headers.

    A body that arrives too slowly is answered with 408: it must be complete after BODY_TIMEOUT, plus the time
    that its bytes take at BODY_MIN_BYTES_PER_SECOND.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_have_body(scope):
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        headers = dict(scope["headers"])
        is_form = headers.get(b"content-type", b"").startswith(b"multipart/")
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_form else settings.JSON_BODY_MAX_BYTES
        for begin, its_limit in settings.BODY_MAX_BYTES_BY_PATH.items():
            if scope["path"].startswith(begin):
                limit = its_limit
        declared = headers.get(b"content-length", b"")
        is_too_large = declared.isdigit() and int(declared) > limit
        try:
            if is_too_large:
                if b"expect" not in headers:  # with `Expect` the client sends no body first
                    await _drain(receive)
                raise PayloadTooLarge
            received = await read_body(receive, limit)
        except (PayloadTooLarge, RequestTimeout) as error:
            count_request(scope["method"], REFUSED, error.status, time.perf_counter() - started)
            return await _refuse(send, error, headers)
        try:
            await self.app(with_length(scope, received.size), _replay(received.messages(), receive), send)
        finally:
            received.close()


def _may_have_body(scope: MutableMapping[str, Any]) -> bool:
    """Return False for a GET, HEAD or OPTIONS that announces no body, as almost all of them."""
    if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        return True
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


class ReceivedBody:
    """A body that was received whole, on disk if it is large, and the messages that came with it."""

    def __init__(self) -> None:
        self.size = 0
        self.last: Message = {"type": "http.request", "body": b"", "more_body": False}
        self._file = SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115

    def append(self, message: Message) -> None:
        body = message.get("body", b"")
        self.size += len(body)
        self._file.write(body)
        self.last = message

    def messages(self) -> Iterator[Message]:
        """Yield the messages again; the last one ends the body, or says that the client disconnected."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            yield {"type": "http.request", "body": chunk, "more_body": True}
        self._file.close()
        yield {**self.last, "body": b""}

    def close(self) -> None:
        self._file.close()


async def read_body(receive: Receive, limit: int) -> ReceivedBody:
    """Return the body; raises PayloadTooLarge, RequestTimeout."""
    received = ReceivedBody()
    try:
        await _receive_into(received, receive, limit)
    except BaseException:
        received.close()
        raise
    return received


async def _receive_into(received: ReceivedBody, receive: Receive, limit: int) -> None:
    started = time.monotonic()
    while True:
        allowed = settings.BODY_TIMEOUT.total_seconds() + received.size / settings.BODY_MIN_BYTES_PER_SECOND
        try:
            async with asyncio.timeout(started + allowed - time.monotonic()):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout from None
        received.append(message)
        is_last = message["type"] != "http.request" or not message.get("more_body")
        if received.size > limit:
            if not is_last:
                await _drain(receive)
            raise PayloadTooLarge
        if is_last:
            return


def with_length(scope: MutableMapping[str, Any], size: int) -> MutableMapping[str, Any]:
    """Return the scope with the header of a body whose length the client did not declare."""
    if any(name == b"content-length" for name, _ in scope["headers"]):
        return scope
    return {**scope, "headers": [*scope["headers"], (b"content-length", str(size).encode())]}


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


def _replay(messages: Iterator[Message], receive: Receive) -> Receive:
    async def replayed() -> Message:
        for message in messages:
            return message
        return await receive()

    return replayed


async def _refuse(send: Send, error: DomainError, request_headers: Mapping[bytes, bytes]) -> None:
    body, about_language = error_in_language(error, request_headers)
    headers = [
        *about_language,
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
