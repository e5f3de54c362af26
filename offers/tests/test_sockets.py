"""Offers over sockets: the standard socket.io-client and a plain WebSocket against two server processes."""

import contextlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller, make_user
from accounts.tokens import access_token_for
from listings.models import Product
from listings.tests.factories import make_product
from offers.models import Offer, OfferEvent, Transaction
from offers.services import closing
from offers.tests.consistency import assert_offers_consistent
from offers.tests.factories import make_offer
from soukloop.realtime.testing.servers import ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def servers(live_server_process: Callable[..., list[ServerProcess]]) -> list[ServerProcess]:
    return live_server_process(n=2)


@pytest.fixture
def buyer(servers: Any) -> User:
    return make_user(username="testbuyer")


@pytest.fixture
def seller(servers: Any) -> User:
    return make_seller(username="testseller")


def rest(
    server: ServerProcess, user: User, method: str, path: str, body: dict[str, Any] | None = None
) -> Any:
    """Send a request to a server process and return its `data`."""
    request = urllib.request.Request(
        f"{server.url}/api/v1/{path}",
        data=json.dumps(body or {}).encode(),
        method=method,
        headers={"Authorization": f"Bearer {access_token_for(user)}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)["data"]


def test_contract_3_8_with_the_standard_socketio_client(
    servers: Any, sio_client: Any, buyer: User, seller: User
) -> None:
    product = make_product(seller=seller, price="850.00")
    as_buyer = sio_client(servers[0], access_token_for(buyer)).wait_connected()
    as_seller = sio_client(servers[1], access_token_for(seller)).wait_connected()
    watcher = sio_client(servers[1], access_token_for(make_user())).wait_connected()
    assert watcher.call("product:join", {"product_id": str(product.pk)})["success"] is True

    # As in the contract: without an acknowledgement.
    as_buyer.send(
        "offer:create", {"product_id": str(product.pk), "offered_price": 700.00, "message": "My final offer"}
    )
    created = as_buyer.expect("offer:created")
    assert (created["offeredPrice"], created["status"], created["message"]) == (
        700.00,
        "pending",
        "My final offer",
    )
    received = as_seller.expect("offer:new")
    assert received == created
    feed = watcher.expect("offer:feed")
    assert (feed["productId"], feed["offeredPrice"]) == (str(product.pk), 700.00)
    assert "testbuyer" not in json.dumps(feed)
    assert str(buyer.pk) not in json.dumps(feed)
    message = as_seller.expect("message:new", messageType="offer")
    assert message["data"]["offer_id"] == created["offerId"]
    assert (
        as_seller.expect("notification:new", kind="offer_new")["title"]
        == "\u2068@testbuyer\u2069 offers \u2068AED 700.00\u2069"
    )


def test_scenario_1_a_complete_purchase(servers: Any, sio_client: Any, buyer: User, seller: User) -> None:
    product = make_product(seller=seller, price="850.00")
    rival = make_user()
    as_buyer = sio_client(servers[0], access_token_for(buyer)).wait_connected()
    as_seller = sio_client(servers[1], access_token_for(seller)).wait_connected()
    as_rival = sio_client(servers[1], access_token_for(rival)).wait_connected()
    as_rival.call("product:join", {"product_id": str(product.pk)})
    make_offer(product, buyer=rival, price="700.00")

    conversation = rest(
        servers[0],
        buyer,
        "POST",
        "conversations",
        {
            "other_user_id": str(seller.pk),
            "product_id": str(product.pk),
            "initial_message": "Hi! Is this item still available?",
        },
    )
    offer = rest(
        servers[0], buyer, "POST", "offers", {"product_id": str(product.pk), "offered_price": 750.00}
    )
    assert offer["conversation_id"] == conversation["id"]
    as_seller.expect("offer:new", offerId=offer["id"])
    accepted = rest(servers[1], seller, "PATCH", f"offers/{offer['id']}/accept")
    assert accepted["message"] == "Offer accepted! Transaction created."

    for client in (as_buyer, as_seller):
        received = client.expect("offer:accepted")
        assert (received["offerId"], received["transactionId"]) == (offer["id"], accepted["transaction_id"])
    assert as_rival.expect("offer:declined")["closeReason"] == "another_offer_accepted"
    assert as_rival.expect("product:sold")["price"] == 750.00
    sale = Transaction.objects.get()
    assert (sale.status, sale.price, sale.fee_rate) == ("pending", Decimal(750), Decimal("0.05"))
    assert (sale.platform_fee, sale.seller_payout) == (Decimal("37.50"), Decimal("712.50"))
    assert not Product.objects.listed().filter(pk=product.pk).exists()
    shown = rest(servers[0], buyer, "GET", f"transactions/{sale.pk}")
    assert (shown["platform_fee"], shown["product"]["status"]) == (37.50, "sold")
    assert_offers_consistent(product)


@pytest.mark.parametrize("transport", ["socket.io", "websocket"])
def test_each_socket_command_is_acknowledged_or_refused(
    transport: str, servers: Any, sio_client: Any, bare_client: Any, buyer: User, seller: User
) -> None:
    product = make_product(seller=seller)

    def connect(user: User) -> Any:
        if transport == "websocket":
            return bare_client(servers[0], access_token_for(user))
        return sio_client(servers[0], access_token_for(user)).wait_connected()

    as_buyer, as_seller = connect(buyer), connect(seller)

    def call(client: Any, action: str, **data: Any) -> Any:
        ack = client.call(f"offer:{action}", data)
        assert ack["success"] is True, ack
        return ack["data"]

    def refused(client: Any, action: str, **data: Any) -> Any:
        ack = client.call(f"offer:{action}", data)
        assert ack["success"] is False
        return ack["error"]["code"]

    first = call(as_buyer, "create", product_id=str(product.pk), offered_price=700, client_offer_id="a")
    # The client sends the command again when an acknowledgement was lost.
    again = call(as_buyer, "create", product_id=str(product.pk), offered_price=700, client_offer_id="a")
    assert again["offerId"] == first["offerId"]
    assert refused(as_buyer, "accept", offer_id=first["offerId"]) == "not_yours_to_answer"
    assert refused(as_seller, "withdraw", offer_id=first["offerId"]) == "not_your_offer"
    assert refused(as_seller, "create", product_id=str(product.pk), offered_price=700) == "own_product"
    assert refused(as_seller, "counter", offer_id=first["offerId"]) == "validation_error"
    assert refused(as_seller, "counter", offer_id="x", offered_price=1) == "validation_error"
    assert refused(as_buyer, "accept", offer_id=str(product.pk)) == "not_found"
    second = call(as_seller, "counter", offer_id=first["offerId"], offered_price=800, message="800!")
    assert (second["parentId"], second["madeBy"]) == (first["offerId"], str(seller.pk))
    assert call(as_buyer, "decline", offer_id=second["offerId"])["status"] == "declined"
    third = call(as_buyer, "create", product_id=str(product.pk), offered_price=720)
    assert call(as_buyer, "withdraw", offer_id=third["offerId"])["closeReason"] == "withdrawn"
    assert refused(as_seller, "accept", offer_id=third["offerId"]) == "offer_withdrawn"
    fourth = call(as_buyer, "create", product_id=str(product.pk), offered_price=750)
    accepted = call(as_seller, "accept", offer_id=fourth["offerId"])
    sale = Transaction.objects.get()
    assert (accepted["status"], accepted["transactionId"]) == ("accepted", str(sale.pk))
    assert accepted["message"] == "Offer accepted! Transaction created."
    assert refused(as_seller, "accept", offer_id=fourth["offerId"]) == "offer_accepted"
    assert refused(as_buyer, "create", product_id=str(product.pk), offered_price=750) == (
        "product_not_available"
    )
    assert_offers_consistent(product)


def test_events_received_equal_the_history_in_the_database(
    servers: Any, sio_client: Any, bare_client: Any, buyer: User, seller: User
) -> None:
    rival = make_user()
    products = [make_product(seller=seller, min_offer_price=Decimal(500)) for _ in range(3)]
    clients = {
        buyer.pk: sio_client(servers[0], access_token_for(buyer)).wait_connected(),
        seller.pk: sio_client(servers[1], access_token_for(seller)).wait_connected(),
        rival.pk: bare_client(servers[1], access_token_for(rival)),
    }
    watcher = bare_client(servers[0], access_token_for(make_user()))
    for product in products:
        watcher.call("product:join", {"product_id": str(product.pk)})

    def offer(user: User, product: Product, price: int) -> str:
        body = {"product_id": str(product.pk), "offered_price": price}
        return str(rest(servers[0], user, "POST", "offers", body)["id"])

    def act(user: User, name: str, offer_id: str, **body: Any) -> Any:
        return rest(servers[1], user, "PATCH", f"offers/{offer_id}/{name}", body)

    one, two, three = products
    offer(buyer, one, 400)  # below the minimum
    Offer.objects.filter(offered_price=400).update(auto_decline_at=timezone.now())
    closing.decline_offers_below_minimum()
    offer(buyer, one, 600)
    replaced_by = offer(buyer, one, 620)
    counter = act(seller, "counter", replaced_by, offered_price=800)["id"]
    third = act(buyer, "counter", counter, offered_price=700)["id"]
    offer(rival, one, 650)
    sale_id = act(seller, "accept", third)["transaction_id"]
    rest(servers[0], buyer, "PATCH", f"transactions/{sale_id}/cancel")
    act(buyer, "withdraw", offer(buyer, two, 600))
    act(seller, "decline", offer(rival, two, 600))
    late = offer(rival, two, 610)
    Offer.objects.filter(pk=late).update(expires_at=timezone.now())
    closing.expire_due_offers()
    offer(rival, three, 700)
    ack = clients[buyer.pk].call("offer:create", {"product_id": str(three.pk), "offered_price": 710})
    assert clients[seller.pk].call("offer:accept", {"offer_id": ack["data"]["offerId"]})["success"] is True

    expected: dict[Any, list[tuple[str, str]]] = {pk: [] for pk in clients}
    for entry in OfferEvent.objects.select_related("offer").order_by("id"):
        for user_id in (entry.offer.buyer_id, entry.offer.seller_id):
            kind: str = entry.kind
            if kind == "created" and user_id != entry.offer.made_by_id:
                kind = "new"
            expected[user_id].append((f"offer:{kind}", str(entry.offer_id)))
    assert {entry.kind for entry in OfferEvent.objects.all()} == set(OfferEvent.Kind)
    for user_id, client in clients.items():
        last_event, last_offer = expected[user_id][-1]
        client.expect(last_event, offerId=last_offer)
        received = [(name, data["offerId"]) for name, data in client.events if name.startswith("offer:")]
        assert received == expected[user_id]

    watcher.expect("product:sold", productId=str(three.pk))
    sold = [data["productId"] for data in watcher.named("product:sold")]
    assert sold == [str(sale.product_id) for sale in Transaction.objects.order_by("created_at")]
    feed = sorted((data["offeredPrice"], data["status"]) for data in watcher.named("offer:feed"))
    made = [(float(row.offered_price), "pending") for row in Offer.objects.all() if is_in_feed(row)]
    accepted = [(float(sale.price), "accepted") for sale in Transaction.objects.all()]
    assert feed == sorted(made + accepted)
    for product in products:
        assert_offers_consistent(product)


def is_in_feed(offer: Offer) -> bool:
    """Return whether `offer:feed` was sent: a buyer made the offer."""
    return offer.made_by_id == offer.buyer_id


@pytest.mark.faults
def test_accept_repeated_at_another_server_after_a_kill_returns_the_first_response(
    live_server_process: Any, servers: Any, buyer: User, seller: User
) -> None:
    (killed,) = live_server_process(fresh=True)
    offer = make_offer(make_product(seller=seller), buyer=buyer)
    headers = {"Authorization": f"Bearer {access_token_for(seller)}", "Idempotency-Key": "accept-1"}
    request = urllib.request.Request(
        f"{killed.url}/api/v1/offers/{offer.pk}/accept", method="PATCH", headers=headers
    )

    def accept() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            urllib.request.urlopen(request, timeout=20).read()

    client = threading.Thread(target=accept)
    client.start()
    while not Transaction.objects.exists():
        time.sleep(0.001)
    killed.kill()
    client.join()
    sale = Transaction.objects.get()
    for server in servers:
        again = urllib.request.Request(
            f"{server.url}/api/v1/offers/{offer.pk}/accept", method="PATCH", headers=headers
        )
        with urllib.request.urlopen(again, timeout=20) as response:
            assert response.status == 200
            assert response.headers["Idempotent-Replayed"] == "true"
            assert json.load(response)["data"]["transaction_id"] == str(sale.pk)
    with pytest.raises(urllib.error.HTTPError) as refusal:
        rest(servers[0], seller, "PATCH", f"offers/{offer.pk}/accept")
    assert refusal.value.code == 409
    assert Transaction.objects.count() == 1
