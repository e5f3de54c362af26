"""Concurrent requests to two server processes: exactly one of several conflicting actions succeeds.

`SOUK_RACE_ROUNDS=50 pytest offers/tests/test_races.py` runs each test fifty times.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.services.moderation import ban_user
from accounts.services.relations import block_user
from accounts.tests.factories import make_seller, make_staff, make_user
from listings.models import Product
from listings.services import delete_product, hide_product, update_product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer, Transaction
from offers.services import closing
from offers.tests.consistency import assert_offers_consistent
from offers.tests.factories import make_offer, make_sale
from soukloop.core.redis.client import redis_client
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.tests.concurrency import ConcurrentRequest, send_concurrently

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = int(os.environ.get("SOUK_RACE_ROUNDS", "1"))
REQUESTS = 200


@pytest.fixture
def servers(live_server_process: Callable[..., list[ServerProcess]]) -> Iterator[list[ServerProcess]]:
    """Two web processes; afterwards, assert that they logged no error and PostgreSQL had no deadlock."""
    deadlocks = _deadlocks()
    processes = live_server_process(n=2)
    log_starts = [len(process.log()) for process in processes]
    yield processes
    for process, start in zip(processes, log_starts, strict=True):
        log = process.log()[start:]
        assert "Traceback" not in log
        assert "ERROR" not in log
    assert _deadlocks() == deadlocks


@pytest.fixture(params=range(ROUNDS), ids=lambda number: f"round{number + 1}")
def seller_and_buyers(request: Any, servers: Any) -> tuple[User, list[User]]:
    """A seller and six buyers, new ones in each round."""
    redis_client().flushdb()
    return make_seller(), [make_user() for _ in range(6)]


def accept(offer: Offer, count: int = REQUESTS) -> list[ConcurrentRequest]:
    """Return requests that accept the offer."""
    return [ConcurrentRequest(offer.recipient, f"/api/v1/offers/{offer.pk}/accept")] * count


def accept_each(offers: list[Offer]) -> list[ConcurrentRequest]:
    """Return requests that accept each of these offers many times, in turn."""
    return [accept(offers[number % len(offers)], 1)[0] for number in range(REQUESTS)]


def _deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_one_of_200_concurrent_accepts_of_one_offer_succeeds(servers: Any, seller_and_buyers: Any) -> None:
    product = make_product(seller=seller_and_buyers[0])
    offer = make_offer(product, buyer=seller_and_buyers[1][0])
    answers, _, _ = send_concurrently(servers, accept(offer))
    assert Counter(answers) == {"ok": 1, "offer_accepted": REQUESTS - 1}
    assert_offers_consistent(product)
    assert Transaction.objects.get(product=product).platform_fee == Decimal("37.50")
    assert Notification.objects.filter(user=offer.buyer, kind="offer_accepted").count() == 1


def test_one_of_six_offers_accepted_concurrently_succeeds(servers: Any, seller_and_buyers: Any) -> None:
    seller, buyers = seller_and_buyers
    product = make_product(seller=seller)
    offers = [make_offer(product, buyer=buyer, price=str(700 + n)) for n, buyer in enumerate(buyers)]
    answers, _, bodies = send_concurrently(servers, accept_each(offers))
    assert answers.count("ok") == 1
    assert set(answers) <= {"ok", "offer_accepted", "offer_declined"}
    assert_offers_consistent(product)
    winner = Offer.objects.get(product=product, status="accepted")
    (accepted,) = (body["data"] for status, body in bodies if status == 200)
    assert (accepted["id"], accepted["transaction_id"]) == (str(winner.pk), str(winner.transaction.pk))
    others = Offer.objects.filter(product=product).exclude(pk=winner.pk)
    assert set(others.values_list("close_reason", flat=True)) == {"another_offer_accepted"}


def test_either_accept_or_withdraw_succeeds(servers: Any, seller_and_buyers: Any) -> None:
    product = make_product(seller=seller_and_buyers[0])
    offer = make_offer(product, buyer=seller_and_buyers[1][0])
    withdraw = [ConcurrentRequest(offer.buyer, f"/api/v1/offers/{offer.pk}/withdraw")] * (REQUESTS // 2)
    requests = [
        request for pair in zip(accept(offer, REQUESTS // 2), withdraw, strict=True) for request in pair
    ]
    answers, _, _ = send_concurrently(servers, requests)
    offer.refresh_from_db()
    assert offer.status in ("accepted", "withdrawn")
    assert Counter(answers) == {"ok": 1, f"offer_{offer.status}": REQUESTS - 1}
    assert_offers_consistent(product)


def test_either_accept_or_counter_succeeds(servers: Any, seller_and_buyers: Any) -> None:
    product = make_product(seller=seller_and_buyers[0])
    offer = make_offer(product, buyer=seller_and_buyers[1][0])
    counter = [
        ConcurrentRequest(offer.seller, f"/api/v1/offers/{offer.pk}/counter", {"offered_price": 800})
    ] * 50
    answers, _, _ = send_concurrently(servers, [*counter[:25], *accept(offer, REQUESTS - 50), *counter[25:]])
    offer.refresh_from_db()
    assert offer.status in ("accepted", "countered")
    assert Counter(answers) == {"ok": 1, f"offer_{offer.status}": REQUESTS - 1}
    assert Offer.objects.filter(product=product, status="pending").count() == (offer.status == "countered")
    assert_offers_consistent(product)


def test_either_accept_or_expiry_succeeds(servers: Any, seller_and_buyers: Any) -> None:
    product = make_product(seller=seller_and_buyers[0])
    offer = make_offer(product, buyer=seller_and_buyers[1][0])
    Offer.objects.filter(pk=offer.pk).update(expires_at=timezone.now() + timedelta(seconds=0.4))

    def expire() -> None:
        end = time.monotonic() + 1.0
        while time.monotonic() < end and not closing.expire_due_offers():
            time.sleep(0.01)

    answers, _, _ = send_concurrently(servers, accept(offer), alongside=[expire, expire])
    closing.expire_due_offers()
    offer.refresh_from_db()
    assert offer.status in ("accepted", "expired")
    if offer.status == "accepted":
        assert Counter(answers) == {"ok": 1, "offer_accepted": REQUESTS - 1}
    else:
        assert Counter(answers) == {"offer_expired": REQUESTS}
    assert_offers_consistent(product)


@pytest.mark.parametrize("how", ["delete", "hide"])
def test_either_accept_or_withdrawal_of_the_product_succeeds(
    servers: Any, seller_and_buyers: Any, how: str
) -> None:
    seller, buyers = seller_and_buyers
    product = make_product(seller=seller)
    offers = [make_offer(product, buyer=buyer) for buyer in buyers]
    staff = make_staff()

    def withdraw() -> None:
        if how == "delete":
            delete_product(actor=seller, product_id=product.pk)
        else:
            hide_product(actor=staff, product_id=product.pk, reason="Counterfeit")

    answers, (withdrawn,), _ = send_concurrently(servers, accept_each(offers), alongside=[withdraw])
    assert set(answers) <= {"ok", "offer_accepted", "offer_declined", "product_not_available"}
    sold = answers.count("ok")
    if how == "delete":
        assert (sold, withdrawn) in ((1, "product_sold"), (0, "ok"))
    else:  # staff may hide a sold product as well
        assert sold <= 1
        assert withdrawn == "ok"
    assert_offers_consistent(product)
    reasons = set(Offer.objects.filter(product=product).values_list("close_reason", flat=True))
    assert reasons == ({"accepted", "another_offer_accepted"} if sold else {"product_unavailable"})


def test_accept_succeeds_only_before_the_price_is_lowered(servers: Any, seller_and_buyers: Any) -> None:
    seller, buyers = seller_and_buyers
    product = make_product(seller=seller)
    offers = [make_offer(product, buyer=buyer) for buyer in buyers]

    def lower() -> None:
        update_product(actor=seller, product_id=product.pk, changes={"price": Decimal("700.00")})

    answers, lowered, _ = send_concurrently(servers, accept_each(offers), alongside=[lower] * 4)
    assert set(answers) <= {"ok", "offer_accepted", "offer_declined", "price_lowered"}
    sold = answers.count("ok")
    if sold:
        assert sold == 1
        assert set(lowered) <= {"ok", "product_sold"}
        assert Transaction.objects.get(product=product).price == Decimal("750.00")
    else:
        assert set(lowered) == {"ok"}
        assert set(answers) == {"price_lowered"}
    # The fee is computed from the agreed price, even if the product's price has changed.
    assert_offers_consistent(product)


def test_fifty_concurrent_offers_of_one_buyer_make_five_and_leave_one_pending(
    servers: Any, seller_and_buyers: Any
) -> None:
    product = make_product(seller=seller_and_buyers[0])
    buyer = seller_and_buyers[1][0]
    requests = [
        ConcurrentRequest(
            buyer, "/api/v1/offers", {"product_id": product.pk, "offered_price": 700 + n}, method="POST"
        )
        for n in range(50)
    ]
    answers, _, _ = send_concurrently(servers, requests)
    assert Counter(answers) == {"ok": 5, "rate_limited": 45}
    statuses = Counter(Offer.objects.filter(product=product).values_list("status", flat=True))
    assert statuses == {"pending": 1, "withdrawn": 4}
    assert_offers_consistent(product)


def test_concurrent_requests_with_one_idempotency_key_create_one_offer(
    servers: Any, seller_and_buyers: Any
) -> None:
    product = make_product(seller=seller_and_buyers[0])
    body = {"product_id": product.pk, "offered_price": 750}
    request = ConcurrentRequest(
        seller_and_buyers[1][0], "/api/v1/offers", body, (("Idempotency-Key", "k1"),), "POST"
    )
    _, _, bodies = send_concurrently(servers, [request] * 20)
    assert {status for status, _ in bodies} == {201}
    assert len({str(body) for _, body in bodies}) == 1
    assert Offer.objects.filter(product=product).count() == 1


def test_concurrent_cancellations_put_the_product_back_once(servers: Any, seller_and_buyers: Any) -> None:
    sale = make_sale(make_product(seller=seller_and_buyers[0]), buyer=seller_and_buyers[1][0])
    path = f"/api/v1/transactions/{sale.pk}/cancel"
    requests = [ConcurrentRequest(sale.buyer, path), ConcurrentRequest(sale.seller, path)] * 20
    answers, _, _ = send_concurrently(servers, requests)
    assert Counter(answers) == {"ok": 1, "transaction_cancelled": 39}
    product = Product.objects.get(pk=sale.product_id)
    assert product.status == "active"
    assert_offers_consistent(product)


def test_concurrent_offers_blocks_and_bans_do_not_deadlock(servers: Any, seller_and_buyers: Any) -> None:
    seller, buyers = seller_and_buyers
    products = [make_product(seller=seller) for _ in range(3)]
    for product in products:
        for buyer in buyers[:3]:
            make_offer(product, buyer=buyer)
    staff = make_staff()
    requests = [
        ConcurrentRequest(
            buyer, "/api/v1/offers", {"product_id": product.pk, "offered_price": 760}, method="POST"
        )
        for buyer in buyers
        for product in products
        for _ in range(3)
    ]
    actions: list[Callable[[], Any]] = [
        lambda: block_user(actor=seller, user_id=buyers[0].pk),
        lambda: block_user(actor=buyers[1], user_id=seller.pk),
        lambda: ban_user(actor=staff, user_id=buyers[2].pk, reason="Fraud"),
        *(partial(closing.close_offers_for_people, buyer.pk, seller.pk) for buyer in buyers[:2]),
        lambda: closing.close_offers_for_people(buyers[2].pk),
    ]
    answers, others, _ = send_concurrently(servers, requests, alongside=actions)
    assert set(others) == {"ok"}
    assert "500" not in answers
    assert "503" not in answers
    for product in products:
        assert_offers_consistent(product)
