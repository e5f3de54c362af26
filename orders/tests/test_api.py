"""Orders over REST, and what their two sides and everybody who watches the product are told."""

from typing import Any

import pytest

from accounts.tests.factories import client_for, make_seller, make_user
from listings.rooms import product_room
from listings.tests.factories import make_product
from livestream.rooms import stream_room
from livestream.tests.factories import make_live_stream
from offers.tests.factories import make_offer, make_sale
from orders.models import Order
from orders.tests.factories import make_order, pay
from payments.tests.factories import make_account
from soukloop.realtime.testing import Captured

pytestmark = pytest.mark.django_db
IN_PERSON = {"payment_method": "in_person", "delivery": "meet_up"}
BY_CARD = {"payment_method": "card", "delivery": "meet_up"}


def test_an_order_says_who_can_do_what_and_only_the_seller_reads_the_fee() -> None:
    product, buyer = make_product(price="850.00"), make_user()
    answer = client_for(buyer).post("/api/v1/orders", {"product_id": str(product.pk), **IN_PERSON})
    assert answer.status_code == 201
    order = answer.json()["data"]
    assert (order["state"], order["side"], order["actions"]) == ("authorised", "buyer", ["cancel"])
    assert (order["price"], order["platform_fee"], order["seller_payout"]) == (850.0, None, None)
    seen = client_for(product.seller).get(f"/api/v1/orders/{order['id']}").json()["data"]
    assert (seen["side"], seen["actions"]) == ("seller", ["cancel", "hand_over"])
    assert (seen["platform_fee"], seen["seller_payout"], seen["payment"]) == (42.5, 807.5, None)
    assert [(one["what"], one["by"]) for one in seen["timeline"]] == [
        ("created", "buyer"),
        ("authorised_in_person", "buyer"),
    ]
    [sale] = client_for(product.seller).get("/api/v1/sales").json()["data"]["items"]
    [bought] = client_for(buyer).get("/api/v1/orders").json()["data"]["items"]
    assert sale["id"] == bought["id"] == order["id"]
    assert client_for(buyer).get("/api/v1/sales").json()["data"]["items"] == []
    listed = client_for(buyer).get("/api/v1/orders", {"state": "expired"}).json()["data"]
    assert listed["total"] == 0


def test_the_same_request_twice_makes_one_order() -> None:
    product, buyer = make_product(), make_user()
    body = {"product_id": str(product.pk), **IN_PERSON}
    answers = [
        client_for(buyer).post("/api/v1/orders", body, headers={"Idempotency-Key": "one"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"payment_method": "cash"},
        {"delivery": "drone"},
        {"payment_method": None},
        {"product_id": "shoes"},
        {"product_id": None},
        {"address_id": 5},
        {"price": 1},
    ],
)
def test_a_wrong_field_is_refused_and_nothing_is_reserved(fields: dict[str, Any]) -> None:
    product = make_product()
    body = {"product_id": str(product.pk), **IN_PERSON} | fields
    answer = client_for(make_user()).post("/api/v1/orders", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
    product.refresh_from_db()
    assert product.status == "active"


@pytest.mark.parametrize("url", ["/api/v1/orders", "/api/v1/sales"])
def test_lists_take_the_same_number_of_queries_however_long_they_are(
    url: str, django_assert_num_queries: Any
) -> None:
    buyer, seller = make_user(), make_seller()
    client = client_for(buyer if url.endswith("orders") else seller)
    for count in (1, 3):
        for _ in range(count):
            make_order(make_product(seller=seller), buyer=buyer)
        with django_assert_num_queries(3):  # the person, the number of orders, the page
            client.get(url)


def test_the_product_page_says_how_it_can_be_bought() -> None:
    product, buyer = make_product(), make_user()
    client = client_for(buyer)

    def buying() -> Any:
        return client.get(f"/api/v1/products/{product.pk}").json()["data"]["buying"]

    can_buy = {"can_buy": True, "reason": None, "order_id": None}
    assert buying() == can_buy | {"payment_methods": ["in_person"], "deliveries": ["meet_up"]}
    make_account(product.seller)
    both = {"payment_methods": ["card", "in_person"], "deliveries": ["meet_up", "shipping"]}
    assert buying() == can_buy | both
    order = make_order(product, buyer=buyer)
    reserved = {"can_buy": False, "reason": "product_reserved", "order_id": str(order.pk)}
    assert buying() == reserved | both
    seller = client_for(product.seller).get(f"/api/v1/products/{product.pk}").json()["data"]
    assert (seller["status"], seller["buying"]) == ("reserved", None)


def test_a_reserved_product_leaves_the_lists_and_takes_no_offers() -> None:
    product, client = make_product(), client_for(make_user())
    place = {"latitude": 25.0772, "longitude": 55.1369}
    assert client.get("/api/v1/feeds/community", place).json()["data"]["total"] == 1
    order = make_order(product)
    assert client.get("/api/v1/feeds/community", place).json()["data"]["total"] == 0
    offer = client.post("/api/v1/offers", {"product_id": str(product.pk), "offered_price": 700})
    assert (offer.status_code, offer.json()["error"]["code"]) == (409, "product_not_available")
    client_for(order.buyer).post(f"/api/v1/orders/{order.pk}/cancel")
    assert client.get("/api/v1/feeds/community", place).json()["data"]["total"] == 1


def test_purchases_are_in_no_list_of_offers_but_in_that_of_transactions() -> None:
    order = make_order()
    for person in (order.buyer, order.seller):
        client = client_for(person)
        assert client.get("/api/v1/offers").json()["data"]["total"] == 0
        assert client.get(f"/api/v1/offers/{order.transaction.offer_id}").status_code == 200
        [sale] = client.get("/api/v1/transactions").json()["data"]["items"]
        assert (sale["id"], sale["status"], sale["expires_at"]) == (
            str(order.transaction_id),
            "pending",
            None,
        )


def test_badges_count_what_waits_for_each_side() -> None:
    order = make_order(payment_method="card")

    def open_orders(person: Any) -> int:
        return client_for(person).get("/api/v1/badges").json()["data"]["open_orders"]

    assert (open_orders(order.buyer), open_orders(order.seller)) == (1, 0)
    pay(order)
    assert (open_orders(order.buyer), open_orders(order.seller)) == (0, 1)


def test_an_account_with_open_orders_cannot_be_deleted() -> None:
    order = make_order(make_product(seller=make_seller()))
    answer = client_for(order.buyer).delete("/api/v1/auth/me", {"password": "Test123!@#"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "account_has_obligations")


def test_config_says_how_apps_open_the_form_of_the_card_provider() -> None:
    payments = client_for(make_user()).get("/api/v1/config").json()["data"]["payments"]
    assert payments["provider"] == "sandbox"
    assert isinstance(payments["client_settings"], dict)


def test_buying_in_a_stream_is_told_in_its_room_without_naming_the_buyer(
    captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    product.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        order = make_order(product, payment_method="card")
    assert order.transaction.stream_id == stream.pk
    everybody = {product_room(product.pk), stream_room(stream.pk)}
    reserved = [(room, data) for room, event, data in captured_events if event == "product:reserved"]
    assert {room for room, _ in reserved} == everybody
    assert str(order.buyer_id) not in str(reserved)
    captured_events.clear()
    with django_capture_on_commit_callbacks(execute=True):
        pay(order)
    sold = [room for room, event, _ in captured_events if event == "product:sold"]
    assert set(sold) == everybody
    updates = [
        (room, data["what"], data["state"], data["streamId"])
        for room, event, data in captured_events
        if event == "order:updated"
    ]
    people = (f"user.{order.buyer_id}", f"user.{order.seller_id}")
    assert updates == [
        (room, what, what, str(stream.pk)) for what in ("authorised", "paid") for room in people
    ]
    captured_events.clear()
    with django_capture_on_commit_callbacks(execute=True):
        client_for(seller).post(f"/api/v1/orders/{order.pk}/cancel")
    assert {room for room, event, _ in captured_events if event == "product:available"} == everybody


def test_an_accepted_offer_is_bought_at_its_price_and_a_pending_one_is_not() -> None:
    offer = make_offer(price="700.00")
    sale = make_sale(make_product(seller=make_seller()), price="600.00")
    body = {"offer_id": str(sale.offer_id), **BY_CARD}
    make_account(sale.seller)
    order = client_for(sale.buyer).post("/api/v1/orders", body).json()["data"]
    assert (order["price"], order["transaction_id"]) == (600.0, str(sale.pk))
    body = {"offer_id": str(offer.pk), **IN_PERSON}
    refused = client_for(offer.buyer).post("/api/v1/orders", body)
    assert refused.json()["error"]["code"] == "offer_pending"
