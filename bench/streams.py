"""A live room of thousands on one web process: joining, chat, memory."""

import json
import os
import re
import resource
import select
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

VIEWERS = int(os.environ.get("BENCH_VIEWERS", "5000"))
CHAT_RATE = float(os.environ.get("BENCH_CHAT_RATE", "5"))  # messages a second in the room
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
REACTIONS_EACH = 3 / 5  # the contract's mix: five messages, three reactions
JOINING = int(os.environ.get("BENCH_JOINING", "128"))  # at a time
LIMIT_MS = 200
SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1
# As in production: the benchmarks' settings have probes that publish an event for every connection.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "soukloop.settings",
    "DEBUG": "false",
    "SANDBOX_PAYMENTS_ALLOWED": "true",
    "ALLOWED_HOSTS": "127.0.0.1",
    "LOG_LEVEL": "WARNING",
}
_MARK = re.compile(rb"number (\d{6})!")
_PING, _BRACE = b"\x89", ord("}")


class Crowd:
    """Viewers on one raw WebSocket each, read by one epoll loop."""

    def __init__(self, port: int, stream_id: str) -> None:
        self.port = port
        self.stream_id = stream_id
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.tails: dict[int, bytes] = {}
        self.sent_at: dict[int, float] = {}
        self.latencies: list[float] = []
        self.received = [0]
        self.closed = 0
        self.buffer = bytearray(1 << 17)

    def join(self, tokens: list[str]) -> float:
        """Connect and join all viewers, JOINING at a time, and return how long it took."""
        started = time.perf_counter()
        with ThreadPoolExecutor(JOINING) as pool:
            coming = [pool.submit(self._come, token) for token in tokens]
            while not all(one.done() for one in coming):
                self.pump(0.05)
            for one in coming:
                one.result()
        return time.perf_counter() - started

    def say(self, viewer: socket.socket, number: int) -> None:
        self.received.append(0)
        self.sent_at[number] = time.perf_counter()
        self._send(viewer, "stream:chat", {"message": f"This is amazing, number {number:06}! 🔥"})

    def react(self, viewer: socket.socket) -> None:
        self._send(viewer, "stream:reaction", {"emoji": "❤️"})

    def pump(self, timeout: float) -> None:
        """Read what has arrived and record the messages in it."""
        buffer = self.buffer
        for number, _ in self.poll.poll(timeout):
            client = self.sockets[number]
            try:
                size = client.recv_into(buffer)
            except BlockingIOError:
                continue
            except OSError:
                size = 0
            if not size:
                self.closed += 1
                self.poll.unregister(number)
                continue
            tail = self.tails[number]
            # Complete frames with events are searched in place: this client shares its core with PostgreSQL,
            # and a slow one would measure itself.
            if not tail and buffer[size - 1] == _BRACE and buffer.find(_PING, 0, size) < 0:
                self._note(_MARK.finditer(buffer, 0, size), time.perf_counter())
            else:
                self.tails[number] = self._take(client, tail + buffer[:size])

    def _take(self, client: socket.socket, text: bytes) -> bytes:
        """Process the complete frames and return the rest."""
        now = time.perf_counter()
        at, size = 0, len(text)
        while at + 4 <= size:
            length, head = text[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(text[at + 2 : at + 4], "big"), 4
            if length == 127 or at + head + length > size:
                break
            body = text[at + head : at + head + length]
            if text[at] == 0x89:  # a ping
                client.sendall(bytes([0x8A, 0x80 | length]) + bytes(4) + body)
            else:
                self._note(_MARK.finditer(body), now)
            at += head + length
        return text[at:]

    def _note(self, marks: Iterator[re.Match[bytes]], now: float) -> None:
        for found in marks:
            said = int(found[1])
            self.latencies.append(now - self.sent_at[said])
            self.received[said] += 1

    def close(self) -> None:
        for each in self.sockets.values():
            each.close()

    def _come(self, token: str) -> None:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(
            (
                f"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"Authorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        greeting = _read_until(client, b"\r\n\r\n").partition(b"\r\n\r\n")[2]
        self._send(client, "stream:join", {})
        self.tails[client.fileno()] = self._take(client, greeting + _read_until(client, b'"stream:joined"'))
        client.setblocking(False)
        self.sockets[client.fileno()] = client
        self.poll.register(client.fileno(), select.EPOLLIN)

    def _send(self, client: socket.socket, event: str, data: dict[str, Any]) -> None:
        payload = json.dumps({"event": event, "data": {"stream_id": self.stream_id, **data}}).encode()
        size = len(payload)
        head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        client.sendall(head + bytes(4) + payload)  # a mask of zeros changes nothing


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - Django must be set up first

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * VIEWERS + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))
    with bench_database() as database_url:
        _room(database_url)


def _room(database_url: str) -> None:
    from accounts.models import User  # noqa: PLC0415
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from livestream.tests.factories import make_live_stream  # noqa: PLC0415
    from soukloop.realtime.testing.servers import ServerProcess  # noqa: PLC0415

    stream = make_live_stream()
    people = User.objects.bulk_create(
        User(username=f"viewer{number}", email=f"viewer{number}@example.com") for number in range(VIEWERS)
    )
    tokens = [access_token_for(person) for person in people]
    os.sched_setaffinity(0, {SERVER_CORE})  # inherited by what is started now
    server = ServerProcess("uvicorn", database_url, ENVIRONMENT)
    os.sched_setaffinity(0, {CLIENT_CORE})
    crowd = Crowd(server.port, str(stream.pk))
    try:
        server.wait_until_ready()
        before = server.resident_bytes
        took = crowd.join(tokens)
        memory = (server.resident_bytes - before) / VIEWERS / 1024
        stream.refresh_from_db()
        print(f"{VIEWERS} viewers of one stream on one web process:")
        print(f"  joined in {took:.1f} s ({VIEWERS / took:,.0f} a second), {memory:.1f} KiB each", flush=True)
        _settle(crowd)
        _talk(crowd)
        if "Traceback" in server.log():
            sys.exit(f"The server's log has a traceback: {server.log_path}")
    finally:
        crowd.close()
        server.terminate()


def _talk(crowd: Crowd) -> None:
    viewers = list(crowd.sockets.values())
    started = time.perf_counter()
    count, reacted = 0, 0.0
    total = int(CHAT_RATE * SECONDS)
    while count < total:
        due = started + count / CHAT_RATE
        if time.perf_counter() < due:
            crowd.pump(min(0.02, max(0.0, due - time.perf_counter())))
            continue
        count += 1
        crowd.say(viewers[count * 37 % len(viewers)], count)
        reacted += REACTIONS_EACH
        while reacted >= 1:
            crowd.react(viewers[count * 53 % len(viewers)])
            reacted -= 1
    deadline = time.perf_counter() + 30
    while sum(crowd.received) < total * VIEWERS and time.perf_counter() < deadline:
        crowd.pump(0.1)
    lost = total * VIEWERS - sum(crowd.received)
    doubled = sum(max(0, got - VIEWERS) for got in crowd.received)
    cuts = statistics.quantiles(crowd.latencies, n=100)
    p50, p99 = cuts[49] * 1000, cuts[98] * 1000
    print(
        f"  {total} messages at {CHAT_RATE:g}/s with reactions: {len(crowd.latencies):,} deliveries,"
        f" {lost} lost, {doubled} doubled, {crowd.closed} viewers dropped"
    )
    print(f"  send to receive: p50 {p50:.0f} ms, p99 {p99:.0f} ms (to reach: {LIMIT_MS} ms)", flush=True)


def _settle(crowd: Crowd) -> None:
    quiet_at = time.perf_counter() + 2
    while time.perf_counter() < quiet_at:
        crowd.pump(0.1)


def _read_until(client: socket.socket, marker: bytes) -> bytes:
    read = b""
    while marker not in read:
        chunk = client.recv(65536)
        if not chunk:
            raise RuntimeError(f"the server refused: {read[-500:]!r}")
        read += chunk
    return read


if __name__ == "__main__":
    main()
