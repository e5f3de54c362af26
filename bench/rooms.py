"""Room fan-out on one core, beside Node `socket.io` 4 and bare `ws`: same payload, same client, one run."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "500,2000").split(",")]
DELIVERIES = int(os.environ.get("BENCH_DELIVERIES", "400000"))
BURST = 5
SLOW_MEMBERS, SLOW = 1000, 100
SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1

EVENT = "probe:said"
DATA = {
    "messageId": "0d3ab0a5-5c07-4b6d-9d56-0b8a0a3c6a01",
    "seq": 1234,
    "userId": "6f1c2d1e-8d0b-4a52-9f0c-0a6f3a2b7c11",
    "username": "testbuyer",
    "avatarUrl": "https://media.soukloop.com/avatars/0d3ab0a5.webp",
    "message": "This is amazing! How much is shipping to Dubai Marina? 🔥",
    "timestamp": "2025-10-18T10:00:00.123456Z",
}
# name: (the server, the protocol of its clients)
SERVERS = {
    "Souk Loop, WebSocket": ("soukloop", "bare"),
    "Souk Loop, Socket.IO": ("soukloop", "socketio"),
    "Node socket.io 4": ("socketio.js", "socketio"),
    "Node ws": ("ws.js", "bare"),
}
BASELINE = "Node socket.io 4"


def main() -> None:
    from bench.database import bench_database, bench_token  # noqa: PLC0415 - Django must be set up first
    from soukloop.realtime.testing.node import install_packages  # noqa: PLC0415

    install_packages(PEERS)
    with bench_database() as database_url, _servers(database_url) as ports:
        token = bench_token()
        for size in SIZES:
            _compare(size, ports, token)
        _slow_readers(ports, token)


def _compare(size: int, ports: dict[str, tuple[int, int]], token: str) -> None:
    from bench.swarm import Swarm  # noqa: PLC0415

    rates: dict[str, list[float]] = {name: [] for name in SERVERS}
    memory: dict[str, list[float]] = {name: [] for name in SERVERS}
    count = max(BURST * 4, DELIVERIES // size // BURST * BURST)
    for number in range(ROUNDS):
        for name, (command, dialect) in SERVERS.items():
            port, pid = ports[command]
            before = _resident(pid)
            swarm = Swarm(port, dialect, size, token)
            memory[name].append((_resident(pid) - before) / size)
            swarm.deliveries_per_second(EVENT, DATA, count=BURST * 4, burst=BURST)  # warm
            rates[name].append(swarm.deliveries_per_second(EVENT, DATA, count=count, burst=BURST))
            swarm.close()
            time.sleep(0.5)
        print(f"  {size} members, round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    print(f"{size} members, {count} events each, {ROUNDS} rounds:")
    print(f"  {'':24}{'deliveries/s':>14}{'× ' + BASELINE:>22}{'KiB a member':>14}")
    for name in SERVERS:
        ratios = [mine / theirs for mine, theirs in zip(rates[name], rates[BASELINE], strict=True)]
        print(
            f"  {name:24}{statistics.median(rates[name]):>14,.0f}{statistics.median(ratios):>22.2f}"
            f"{max(memory[name]) / 1024:>14.1f}",
            flush=True,
        )


def _slow_readers(ports: dict[str, tuple[int, int]], token: str) -> None:
    from bench.swarm import Swarm  # noqa: PLC0415

    port, pid = ports["soukloop"]
    data = DATA | {"message": "x" * 2000}
    p99s: dict[int, list[float]] = {0: [], SLOW: []}
    grown = 0.0
    for _ in range(ROUNDS):
        for deaf, values in p99s.items():
            swarm = Swarm(port, "bare", SLOW_MEMBERS, token, deaf=deaf)
            before = _resident(pid)
            delays = sorted(swarm.delays(EVENT, data, rate=20, seconds=10))
            wanted = 200 * (SLOW_MEMBERS - deaf)
            if len(delays) != wanted:
                raise RuntimeError(f"{len(delays)} of {wanted} came")
            values.append(delays[int(len(delays) * 0.99)] * 1000)
            if deaf:
                grown = max(grown, (_resident(pid) - before) / 2**20)
            swarm.close()
            time.sleep(0.5)
    clean, slowed = statistics.median(p99s[0]), statistics.median(p99s[SLOW])
    ratio = statistics.median(b / a for a, b in zip(p99s[0], p99s[SLOW], strict=True))
    print(
        f"{SLOW_MEMBERS} members, {SLOW} of whom never read, {ROUNDS} rounds, 20 messages of 2 KiB a second:"
    )
    print(f"  p99 of the others {slowed:.1f} ms, of a clean run {clean:.1f} ms: × {ratio:.2f}, wanted ≤ 1.20")
    print(f"  the server grew by {grown:.1f} MiB at most", flush=True)


def _resident(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _servers(database_url: str) -> Iterator[dict[str, tuple[int, int]]]:
    from soukloop.realtime.testing.node import NODE  # noqa: PLC0415
    from soukloop.realtime.testing.servers import ServerProcess, free_port  # noqa: PLC0415

    os.sched_setaffinity(0, {SERVER_CORE})  # inherited by what is started now
    environment = {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }
    ours = ServerProcess("uvicorn", database_url, environment)
    ports = {"soukloop": (ours.port, ours.pid)}
    peers = []
    for script in ("socketio.js", "ws.js"):
        port = free_port()
        peer = subprocess.Popen([NODE, script, str(port)], cwd=PEERS)
        peers.append(peer)
        ports[script] = (port, peer.pid)
    os.sched_setaffinity(0, {CLIENT_CORE})
    try:
        ours.wait_until_ready()
        yield ports
    finally:
        ours.terminate()
        for peer in peers:
            peer.terminate()
            peer.wait()
