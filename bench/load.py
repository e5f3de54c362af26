"""An HTTP client that does nothing but wait for answers, so that the server is what is measured."""

import json
import os
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1
ANSWER_WITHIN = 30.0  # seconds, for the requests under way when the time is up


def http_request(method: str, path: str, *, authorization: str = "", body: Any = None) -> bytes:
    """Return the bytes of a request, with a JSON body where one is given."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if authorization:
        head += f"Authorization: {authorization}\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    content = json.dumps(body).encode()
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def measure(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> list[float]:
    """Send requests for some seconds, on each connection the next one as soon as the last is answered.

    Return how many seconds each answer took. Requests that are under way at the end are waited for, so that
    they don't run into the next measurement, but not counted. Raises RuntimeError for any answer but 2xx.
    """
    links = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    waiting: dict[int, tuple[socket.socket, bytearray, float]] = {}
    poll = select.epoll()
    times: list[float] = []

    def send_next(link: socket.socket) -> None:
        waiting[link.fileno()] = (link, bytearray(), time.perf_counter())
        link.sendall(next(requests))

    for link in links:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(link.fileno(), select.EPOLLIN)
        send_next(link)
    end = time.perf_counter() + seconds
    while waiting and time.perf_counter() < end + ANSWER_WITHIN:
        for descriptor, _ in poll.poll(0.05):
            link, answer, since = waiting[descriptor]
            received = link.recv(1 << 18)
            answer += received
            if not received:
                raise RuntimeError(f"The connection was closed after {bytes(answer)!r}.")
            if not _is_complete(answer):
                continue
            del waiting[descriptor]
            now = time.perf_counter()
            if now < end:
                times.append(now - since)
                send_next(link)
    for link in links:
        link.close()
    poll.close()
    if not times:
        raise RuntimeError("Nothing was answered in time.")
    return times


def _is_complete(answer: bytearray) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    if not head.startswith(b"HTTP/1.1 2"):
        raise RuntimeError(bytes(answer).decode(errors="replace"))
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)
