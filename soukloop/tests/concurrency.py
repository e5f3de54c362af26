"""Functions for sending concurrent requests to several server processes."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import connections

from accounts.models import User
from accounts.tokens import access_token_for
from soukloop.core import jsonlib
from soukloop.core.errors import DomainError
from soukloop.realtime.testing.servers import ServerProcess


@dataclass(frozen=True)
class ConcurrentRequest:
    """One of several requests that are sent at the same time."""

    user: User
    path: str
    body: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "PATCH"


def send_concurrently(
    servers: Sequence[ServerProcess],
    requests: Sequence[ConcurrentRequest],
    alongside: Sequence[Callable[[], Any]] = (),
) -> tuple[list[str], list[str], list[Any]]:
    """Send all requests at the same time, spread over the servers, and call each of `alongside` in a thread.

    Return the outcome of each request ("ok" or the error's code; for a 5xx its status), the outcomes of
    `alongside` in the same form, and the responses as (status, body).
    """
    start = threading.Event()
    with ThreadPoolExecutor(max(1, len(alongside))) as threads:
        others = [threads.submit(_run_at_start, start, function) for function in alongside]
        bodies = asyncio.run(_send(servers, requests, start))
        return [_outcome(*body) for body in bodies], [other.result() for other in others], bodies


def _outcome(status: int, body: Any) -> str:
    if status < 300:
        return "ok"
    return body["error"]["code"] if status < 500 else str(status)


def _run_at_start(start: threading.Event, function: Callable[[], Any]) -> str:
    start.wait()
    try:
        function()
    except DomainError as error:
        return error.code
    finally:
        connections.close_all()
    return "ok"


async def _send(
    servers: Sequence[ServerProcess], requests: Sequence[ConcurrentRequest], start: threading.Event
) -> list[tuple[int, Any]]:
    tokens = {request.user.pk: access_token_for(request.user) for request in requests}
    ports = [servers[number % len(servers)].port for number in range(len(requests))]
    connections_ = [await asyncio.open_connection("127.0.0.1", port) for port in ports]
    start.set()
    for request, (_, writer) in zip(requests, connections_, strict=True):
        writer.write(_request(request, tokens[request.user.pk]))
    return list(await asyncio.gather(*(_read_response(reader, writer) for reader, writer in connections_)))


def _request(request: ConcurrentRequest, token: str) -> bytes:
    body = jsonlib.dumps(request.body or {})
    headers = [
        ("Host", "localhost"),
        ("Connection", "close"),
        ("Authorization", f"Bearer {token}"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        *request.headers,
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def _read_response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, Any]:
    head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    status = int(head.split(b" ", 2)[1])
    return status, jsonlib.loads(body) if b"chunked" not in head.lower() else None
