"""A live room of thousands on one web process: joining, chat, memory; and how soon video is seen."""

import json
import os
import re
import resource
import select
import shutil
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

VIEWERS = int(os.environ.get("BENCH_VIEWERS", "5000"))
CHAT_RATE = float(os.environ.get("BENCH_CHAT_RATE", "5"))  # messages a second in the room
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
REACTIONS_EACH = 3 / 5  # the guide's mix: five messages, three reactions
GO_LIVES = 3
LIMIT_MS = 200
LIMIT_FIRST_SEGMENT = 4.0
SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1
# As in production; the benchmarks' own settings come with probes that tell of every connection.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "soukloop.settings",
    "DEBUG": "false",
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
        """Bring everybody in, 32 at a time, and return how long it took."""
        started = time.perf_counter()
        with ThreadPoolExecutor(32) as pool:
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
        """Read what is there and note what was said in it."""
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
            # The common case, whole frames that are events, is looked through as it lies there: a client that
            # shares its core with PostgreSQL and takes its time would measure itself.
            if not tail and buffer[size - 1] == _BRACE and buffer.find(_PING, 0, size) < 0:
                self._note(_MARK.finditer(buffer, 0, size), time.perf_counter())
            else:
                self.tails[number] = self._take(client, tail + buffer[:size])

    def _take(self, client: socket.socket, text: bytes) -> bytes:
        """Go through whole frames and return what is left."""
        now = time.perf_counter()
        at, size = 0, len(text)
        while at + 4 <= size:
            length, head = text[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(text[at + 2 : at + 4], "big"), 4
            if length == 127 or at + head + length > size:
                break
            body = text[at + head : at + head + length]
            if text[at] == 0x89:  # the server asks whether a client lives
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
        client.sendall(head + bytes(4) + payload)  # a mask of zeros leaves it as it is


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - Django must be set up first

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * VIEWERS + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))
    with bench_database() as database_url:
        _room(database_url)
        _first_segments(database_url)


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


def _first_segments(database_url: str) -> None:
    """Go live, publish at once, and wait for a playlist that a player can start with."""
    from accounts.tests.factories import make_seller  # noqa: PLC0415
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from livestream.tests.factories import make_stream  # noqa: PLC0415
    from livestream.tests.media import MediaServerProcess, publish, wait_until  # noqa: PLC0415
    from soukloop.realtime.testing.servers import ServerProcess  # noqa: PLC0415

    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    root = Path(tempfile.mkdtemp(prefix="bench-media-"))
    root.chmod(0o755)
    media = MediaServerProcess(root)
    web = ServerProcess("uvicorn", database_url, {**ENVIRONMENT, **media.environment})
    waits = []
    try:
        web.wait_until_ready()
        media.start(web.url)
        for _ in range(GO_LIVES):
            seller = make_seller()
            stream = make_stream(seller=seller)
            started = time.perf_counter()
            live = _post(f"{web.url}/api/v1/streams/{stream.pk}/go-live", access_token_for(seller))
            answered = time.perf_counter() - started
            encoder = publish(live["rtmpUrl"], live["streamKey"], 30)
            path = live["hlsUrl"].split(f":{media.media_port}")[1]
            wait_until(lambda path=path: b".ts" in (media.get(path) or b""), "segment", 30)
            waits.append(time.perf_counter() - started)
            encoder.kill()
            encoder.wait()
            print(
                f"  go live answered in {answered * 1000:.0f} ms, playable after {waits[-1]:.1f} s",
                flush=True,
            )
    finally:
        media.stop()
        web.terminate()
        shutil.rmtree(root, ignore_errors=True)
    print(
        f"go live → first playable segment: {statistics.median(waits):.1f} s, the middle of {GO_LIVES}"
        f" (to reach: {LIMIT_FIRST_SEGMENT:g} s)"
    )


def _post(url: str, token: str) -> dict[str, Any]:
    request = urllib.request.Request(
        url,
        data=b'{"camera_ready": true, "checklist_complete": true}',
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data


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
