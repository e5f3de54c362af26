"""Messages over many conversations, each one committed: how long a sender waits for the acknowledgement."""

import asyncio
import json
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RATE = int(os.environ.get("BENCH_RATE", "200"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "30"))
WARM_SECONDS = 3
# Each of the two sides sends once a second at most: the limit is 120 a minute.
CONVERSATIONS = int(os.environ.get("BENCH_CONVERSATIONS", str(RATE)))
LIMIT_MS = 50
SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1
CONTENT = "Hi! Is this item still available? I can pick it up in Dubai Marina today. 🔥"


@dataclass
class Tally:
    """What the clients measured, in seconds from the time at which a message was due to be sent."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    delivered: dict[str, float] = field(default_factory=dict)
    refused: list[Any] = field(default_factory=list)
    due: dict[str, float] = field(default_factory=dict)
    processor_seconds: float = 0.0


class Side:
    """One person's connection: sends on schedule, records acknowledgements and the other side's messages."""

    def __init__(self, url: str, token: str, user_id: str, conversation_id: str, tally: Tally) -> None:
        self.url = url
        self.token = token
        self.user_id = user_id
        self.conversation_id = conversation_id
        self.tally = tally

    async def connect(self) -> None:
        from websockets.asyncio.client import connect  # noqa: PLC0415 - after the cores are set

        self.socket = await connect(
            self.url, additional_headers={"Authorization": f"Bearer {self.token}"}, compression=None
        )
        self.reader = asyncio.create_task(self._read())

    async def send(self, message_id: str) -> None:
        data = {
            "conversation_id": self.conversation_id,
            "content": CONTENT,
            "clientMessageId": message_id,
        }
        await self.socket.send(json.dumps({"event": "message:send", "data": data, "id": message_id}))

    async def _read(self) -> None:
        async for text in self.socket:
            now = time.perf_counter()
            frame = json.loads(text)
            if frame["event"] == "ack":
                if frame["success"]:
                    self.tally.acknowledged[frame["id"]] = now - self.tally.due[frame["id"]]
                else:
                    self.tally.refused.append(frame["error"])
            elif frame["event"] == "message:new" and frame["data"]["userId"] != self.user_id:
                message_id = frame["data"]["clientMessageId"]
                self.tally.delivered[message_id] = now - self.tally.due[message_id]


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - Django must be set up first

    with bench_database() as database_url:
        from soukloop.realtime.testing.servers import ServerProcess  # noqa: PLC0415

        people = _people()
        os.sched_setaffinity(0, {SERVER_CORE})  # inherited by what is started now
        environment = {"DJANGO_SETTINGS_MODULE": "soukloop.settings", "LOG_LEVEL": "WARNING"}
        server = ServerProcess("uvicorn", database_url, environment)
        os.sched_setaffinity(0, {CLIENT_CORE})
        try:
            server.wait_until_ready()
            tally = asyncio.run(_run(f"{server.ws_url}/ws/", people, server.pid))
        finally:
            server.terminate()
            warnings = [line for line in server.log().splitlines() if " INFO " not in line]
            print("\n".join(warnings[:10]))
        _report(tally, _committed())


def _people() -> list[tuple[str, str, str]]:
    """Make the conversations and return (token, user, conversation) of each side."""
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from chat.tests.factories import make_conversation  # noqa: PLC0415

    return [
        (str(access_token_for(person)), str(person.pk), str(conversation.pk))
        for conversation in (make_conversation() for _ in range(CONVERSATIONS))
        for person in (conversation.buyer, conversation.seller)
    ]


def _committed() -> set[str]:
    from chat.models import Message  # noqa: PLC0415

    return set(Message.objects.values_list("client_message_id", flat=True))


async def _run(url: str, people: list[tuple[str, str, str]], server_pid: int) -> Tally:
    tally = Tally()
    sides = [Side(url, *person, tally) for person in people]
    for start in range(0, len(sides), 50):
        await asyncio.gather(*(side.connect() for side in sides[start : start + 50]))
    await asyncio.sleep(1)
    await _send_at_rate(sides, tally, WARM_SECONDS * RATE, "warm")
    await asyncio.sleep(2)
    for seen in (tally.due, tally.acknowledged, tally.delivered, tally.refused):
        seen.clear()  # type: ignore[attr-defined]
    busy_before = _processor_seconds(server_pid)
    await _send_at_rate(sides, tally, SECONDS * RATE, "")
    await asyncio.sleep(3)  # what arrives later counts as not delivered
    tally.processor_seconds = _processor_seconds(server_pid) - busy_before
    for side in sides:
        side.reader.cancel()
        await side.socket.close()
    return tally


async def _send_at_rate(sides: list[Side], tally: Tally, count: int, prefix: str) -> None:
    """Send on a fixed schedule, so that a late acknowledgement doesn't delay what comes next."""
    sending = []
    started = time.perf_counter()
    for number in range(count):
        due = started + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        message_id = f"{prefix}{number}"
        tally.due[message_id] = due
        # Consecutive messages belong to different conversations.
        sending.append(
            asyncio.create_task(sides[number * 2 % len(sides) + number // CONVERSATIONS % 2].send(message_id))
        )
    await asyncio.gather(*sending)


def _processor_seconds(pid: int) -> float:
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def _report(tally: Tally, committed: set[str]) -> None:
    sent = len(tally.due)
    uncommitted = [each for each in tally.acknowledged if each not in committed]
    undelivered = [each for each in tally.acknowledged if each not in tally.delivered]
    print(
        f"{sent} messages at {RATE}/s over {CONVERSATIONS} conversations, {2 * CONVERSATIONS} connections,"
        " one web process on one core:"
    )
    print(
        f"  refused {len(tally.refused)}, not acknowledged {sent - len(tally.acknowledged)},"
        f" acknowledged but not committed {len(uncommitted)}, not delivered {len(undelivered)}"
    )
    if tally.refused:
        print(f"  the first refusal: {tally.refused[0]}")
    _print_times("acknowledged", tally.acknowledged)
    _print_times("delivered", tally.delivered)
    per_message = tally.processor_seconds / max(1, len(tally.acknowledged)) * 1000
    print(f"  the web process took {per_message:.1f} ms of its core per message")
    p99 = _percentile(tally.acknowledged, 99)
    verdict = "yes" if p99 <= LIMIT_MS else "NO"
    print(f"  p99 send to acknowledgement {p99:.1f} ms, wanted ≤ {LIMIT_MS} ms: {verdict}")


def _print_times(name: str, times: dict[str, float]) -> None:
    columns = "   ".join(f"p{percent} {_percentile(times, percent):6.1f} ms" for percent in (50, 95, 99))
    print(f"  {name:14}{len(times):>7}   {columns}   max {max(times.values()) * 1000:6.1f} ms", flush=True)


def _percentile(times: dict[str, float], percent: int) -> float:
    """Return milliseconds."""
    if len(times) < 2:
        raise SystemExit("Hardly any message was acknowledged.")
    return statistics.quantiles(times.values(), n=100, method="inclusive")[percent - 1] * 1000
