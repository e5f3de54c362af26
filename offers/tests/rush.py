"""A rush: many requests to several server processes at the same moment, and what they may leave behind."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import connections

from accounts.models import User
from accounts.tokens import access_token_for
from listings.models import Product
from offers.models import Offer, OfferEvent, Transaction
from soukloop.core import jsonlib
from soukloop.core.errors import DomainError
from soukloop.realtime.testing.servers import ServerProcess

STANDING = (Transaction.Status.PENDING, Transaction.Status.COMPLETED)


@dataclass(frozen=True)
class Knock:
    """One request of a rush."""

    user: User
    path: str
    body: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "PATCH"


def rush(
    servers: Sequence[ServerProcess], knocks: Sequence[Knock], beside: Sequence[Callable[[], Any]] = ()
) -> tuple[list[str], list[str], list[Any]]:
    """Send all requests at once, spread over the servers, while `beside` runs on threads of ours.

    Return what each was answered ("ok" or the error's code; the status alone for 5xx), what came of `beside`
    in the same terms, and the answers' bodies.
    """
    gate = threading.Event()
    with ThreadPoolExecutor(max(1, len(beside))) as threads:
        others = [threads.submit(_beside, gate, act) for act in beside]
        bodies = asyncio.run(_fire(servers, knocks, gate))
        return [_verdict(*body) for body in bodies], [other.result() for other in others], bodies


def check_books(product: Product) -> None:
    """Assert what holds after anything: one winner at most, sums that add up, one end for each offer."""
    product.refresh_from_db()
    offers = list(Offer.objects.filter(product=product))
    accepted = [offer for offer in offers if offer.status == Offer.Status.ACCEPTED]
    standing = list(Transaction.objects.filter(product=product, status__in=STANDING))
    assert [sale.offer_id for sale in standing] == [offer.pk for offer in accepted]
    assert len(accepted) <= 1
    assert (product.sold_at is not None) == bool(standing)
    if product.status == Product.Status.ACTIVE:
        assert not standing
    else:
        assert Offer.Status.PENDING not in {offer.status for offer in offers}
    for sale in Transaction.objects.filter(product=product):
        assert sale.platform_fee + sale.seller_payout == sale.price
    pending = Counter(offer.buyer_id for offer in offers if offer.status == Offer.Status.PENDING)
    assert set(pending.values()) <= {1}
    told: dict[Any, list[str]] = {offer.pk: [] for offer in offers}
    for entry in OfferEvent.objects.filter(offer__product=product).order_by("id"):
        told[entry.offer_id].append(entry.kind)
    for offer in offers:
        ends = [] if offer.status == Offer.Status.PENDING else [offer.status]
        if offer.status == Offer.Status.CANCELLED:
            ends = ["accepted", "cancelled"]
        assert told[offer.pk] == ["created", *ends]


def _verdict(status: int, body: Any) -> str:
    if status < 300:
        return "ok"
    return body["error"]["code"] if status < 500 else str(status)


def _beside(gate: threading.Event, act: Callable[[], Any]) -> str:
    gate.wait()
    try:
        act()
    except DomainError as error:
        return error.code
    finally:
        connections.close_all()
    return "ok"


async def _fire(
    servers: Sequence[ServerProcess], knocks: Sequence[Knock], gate: threading.Event
) -> list[tuple[int, Any]]:
    tokens = {knock.user.pk: access_token_for(knock.user) for knock in knocks}
    ports = [servers[number % len(servers)].port for number in range(len(knocks))]
    lines = [await asyncio.open_connection("127.0.0.1", port) for port in ports]
    gate.set()
    for knock, (_, writer) in zip(knocks, lines, strict=True):
        writer.write(_request(knock, tokens[knock.user.pk]))
    return list(await asyncio.gather(*(_answer(reader, writer) for reader, writer in lines)))


def _request(knock: Knock, token: str) -> bytes:
    body = jsonlib.dumps(knock.body or {})
    headers = [
        ("Host", "localhost"),
        ("Connection", "close"),
        ("Authorization", f"Bearer {token}"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        *knock.headers,
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{knock.method} {knock.path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, Any]:
    head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    status = int(head.split(b" ", 2)[1])
    return status, jsonlib.loads(body) if b"chunked" not in head.lower() else None
