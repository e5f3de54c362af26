"""Orders and what payment providers tell: 200 buyers of one product at once, and webhooks beside a peer's."""

import asyncio
import hashlib
import hmac
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

BUYERS = int(os.environ.get("BENCH_BUYERS", "200"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "50"))
RATE = int(os.environ.get("BENCH_WEBHOOKS_PER_SECOND", "100"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "30"))
LIMIT_MS = 250
CONNECTIONS = 50  # of the provider, for webhooks
REPEATED = 10  # every tenth webhook comes a second time
FORGED = 20  # webhooks with a wrong signature, at the end
_WITHIN = 60.0  # seconds until a request is given up


@dataclass
class Answers:
    statuses: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """Return milliseconds."""
        return statistics.quantiles(self.times, n=100, method="inclusive")[percent - 1] * 1000


def main() -> None:
    from bench import servers  # noqa: PLC0415 - Django must be set up first
    from bench.database import bench_database  # noqa: PLC0415

    servers.install_peer()
    with bench_database() as database_url:
        ours = partial(servers.project_server, database_url)
        with servers.running(ours, ours) as web:
            _buyers([server.port for server in web])
        _create_peers_table()
        peer = partial(
            servers.peer_server,
            "webhooks_fastapi",
            {**os.environ, "DATABASE_URL": servers.libpq_url(database_url), "WEBHOOK_SECRET": _peer_secret()},
        )
        with servers.running(ours, peer) as (project, other):
            _webhooks(project, other)


def _buyers(ports: Sequence[int]) -> None:
    """Let all buyers order one product at once, round after round, half of the rounds by card."""
    from accounts.tests.factories import make_seller, make_user  # noqa: PLC0415
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from listings.tests.factories import make_product  # noqa: PLC0415
    from orders.models import Order  # noqa: PLC0415
    from orders.services.closing import cancel_order  # noqa: PLC0415
    from payments.tests.factories import make_account  # noqa: PLC0415

    seller = make_seller()
    make_account(seller)
    buyers = [make_user() for _ in range(BUYERS)]
    tokens = [access_token_for(buyer) for buyer in buyers]
    answers, won = Answers(), Counter[int]()
    for number in range(ROUNDS):
        product = make_product(seller=seller)
        body = {
            "product_id": str(product.pk),
            "payment_method": "card" if number % 2 else "in_person",
            "delivery": "meet_up",
        }
        requests = [
            _post(ports[index % len(ports)], "/api/v1/orders", body, {"Authorization": f"Bearer {token}"})
            for index, token in enumerate(tokens)
        ]
        asyncio.run(_at_once(requests, answers))
        orders = list(Order.objects.filter(product=product))
        won[len(orders)] += 1
        for order in orders:  # so that nobody reaches the limit of unpaid orders
            cancel_order(actor=order.buyer, order_id=order.pk)
        _progress(number + 1, ROUNDS, "rounds")
    failures = sum(count for status, count in answers.statuses.items() if status >= 500 or not status)
    print(
        f"{ROUNDS} rounds of {BUYERS} buyers at once on one product, {len(ports)} web processes on one core:"
    )
    print(f"  orders of a product: {dict(won)}; answers: {dict(sorted(answers.statuses.items()))}")
    print(f"  answered after p50 {answers.percentile(50):.0f} ms, p99 {answers.percentile(99):.0f} ms")
    verdict = "yes" if won == {1: ROUNDS} and not failures else "NO"
    print(f"  one order each time and no 5xx: {verdict}", flush=True)


def _webhooks(project: Any, peer: Any) -> None:
    """Send webhooks at a rate to us and to the peer, in turn."""
    from django.db import connection  # noqa: PLC0415

    from payments.models import WebhookEvent  # noqa: PLC0415
    from payments.providers.sandbox.webhooks import signed_headers  # noqa: PLC0415

    ours, theirs = "/api/v1/payments/webhooks/sandbox", "/webhooks"
    print(f"{RATE} webhooks a second for {SECONDS} s, every {REPEATED}th twice, one process on one core:")
    results = {}
    for name, server, path, sign in (
        ("ours", project, ours, signed_headers),
        ("FastAPI + asyncpg", peer, theirs, partial(_peer_headers, _peer_secret())),
    ):
        _send_webhooks(server.port, path, sign, rate=RATE, seconds=3)  # to warm up
        busy = server.processor_seconds()
        results[name] = sent, answers = _send_webhooks(server.port, path, sign, rate=RATE, seconds=SECONDS)
        busy = server.processor_seconds() - busy
        print(
            f"  {name:18} {sum(answers.statuses.values())} answered {dict(answers.statuses)}, p50"
            f" {answers.percentile(50):.1f} ms, p99 {answers.percentile(99):.1f} ms, max"
            f" {max(answers.times) * 1000:.0f} ms; {busy / len(answers.times) * 1000:.1f} ms of a core each",
            flush=True,
        )
    sent, answers = results["ours"]
    stored = set(WebhookEvent.objects.filter(event_id__in=sent).values_list("event_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs job JOIN payments_webhookevent event"
            " ON event.id = (args->>'event_id')::bigint"
            " WHERE task_name = 'payments.handle_webhook' AND event.event_id = ANY(%s)",
            [list(sent)],
        )
        [jobs] = cursor.fetchone()
    print(f"  ours: {len(sent)} different ones sent, {len(stored)} stored once, {jobs} jobs")
    forged = Answers()
    lies = [_event() for _ in range(FORGED)]
    asyncio.run(
        _at_once(
            [
                _post_bytes(
                    project.port, ours, lie, {**signed_headers(lie), "Sandbox-Signature": "t=1,v1=00"}
                )
                for lie in lies
            ],
            forged,
        )
    )
    is_right = (
        len(stored) == len(sent) == jobs and set(answers.statuses) == {200} and set(forged.statuses) == {400}
    )
    verdict = "yes" if is_right and answers.percentile(99) <= LIMIT_MS else "NO"
    print(f"  none lost, none twice, {FORGED} forged ones refused, p99 ≤ {LIMIT_MS} ms: {verdict}")


def _send_webhooks(
    port: int, path: str, sign: Callable[[bytes], dict[str, str]], *, rate: int, seconds: int
) -> tuple[list[str], Answers]:
    """Send on a fixed schedule, so that a late answer doesn't delay what comes next; return the ids sent."""
    bodies = [_event() for _ in range(rate * seconds * REPEATED // (REPEATED + 1))]
    sent = [json.loads(body)["id"] for body in bodies]
    queue = [body for number, body in enumerate(bodies) for _ in range(2 if number % REPEATED == 0 else 1)]
    answers = Answers()
    asyncio.run(_at_rate([partial(_exchange, path, body, sign(body)) for body in queue], port, rate, answers))
    return sent, answers


async def _at_rate(requests: Sequence[Callable[..., Any]], port: int, rate: int, answers: Answers) -> None:
    links: asyncio.Queue[Any] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        links.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    started = time.perf_counter()

    async def send(request: Callable[..., Any], due: float) -> None:
        link = await links.get()
        try:
            answers.statuses[await request(*link)] += 1
            answers.times.append(time.perf_counter() - due)
        finally:
            links.put_nowait(link)

    sending = []
    for number, request in enumerate(requests):
        due = started + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sending.append(asyncio.create_task(send(request, due)))
    async with asyncio.timeout(_WITHIN):
        await asyncio.gather(*sending)


async def _at_once(requests: Sequence[Coroutine[Any, Any, tuple[int, float]]], answers: Answers) -> None:
    for status, seconds in await asyncio.gather(*requests):
        answers.statuses[status] += 1
        answers.times.append(seconds)


def _post(port: int, path: str, body: Any, headers: dict[str, str]) -> Coroutine[Any, Any, tuple[int, float]]:
    content = json.dumps(body).encode()
    return _post_bytes(port, path, content, {"Content-Type": "application/json", **headers})


async def _post_bytes(port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, float]:
    """Post on a connection of its own; return the status, 0 without an answer, and the seconds it took."""
    since = time.perf_counter()
    try:
        async with asyncio.timeout(_WITHIN):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            status = await _exchange(path, body, headers, reader, writer)
            writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        status = 0
    return status, time.perf_counter() - since


async def _exchange(
    path: str,
    body: bytes,
    headers: dict[str, str],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> int:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split()[1])


def _event() -> bytes:
    """Return a message about a payment that isn't ours."""
    event = {
        "id": f"evt_{uuid4().hex}",
        "type": "payment.captured",
        "subject": "payment",
        "account": "acct_1",
    }
    return json.dumps(event | {"object": f"pay_{uuid4().hex}", "details": "x" * 1500}).encode()


def _peer_secret() -> str:
    return "a secret of the benchmark"


def _peer_headers(secret: str, body: bytes) -> dict[str, str]:
    at = str(int(time.time()))
    signature = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={signature}"}


def _create_peers_table() -> None:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE peer_webhook (id bigserial PRIMARY KEY, event_id text UNIQUE, body jsonb,"
            " received_at timestamptz DEFAULT now())"
        )
        cursor.execute("CREATE TABLE peer_job (id bigserial PRIMARY KEY, event_id bigint, status text)")


def _progress(done: int, total: int, what: str) -> None:
    if done % 10 == 0 or done == total:
        print(f"  {done} of {total} {what}", flush=True)
