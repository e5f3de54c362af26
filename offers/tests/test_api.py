"""Offers and sales over REST."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.tests.factories import block, client_for, make_seller, make_user
from listings.serializers.products import ProductCardOutput
from listings.tests.factories import make_product
from offers.models import Offer, Transaction
from offers.services import closing, negotiation
from offers.tests.conftest import all_rows
from offers.tests.factories import make_counter, make_offer, make_sale

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)


@pytest.fixture
def buyer() -> Any:
    return make_user()


@pytest.fixture
def seller() -> Any:
    return make_seller()


def error_of(response: Any) -> tuple[int, str]:
    assert response.json()["success"] is False
    return response.status_code, response.json()["error"]["code"]


@time_machine.travel(datetime(2025, 10, 18, 10, tzinfo=UTC), tick=False)
def test_contract_3_6_and_3_7_response_bodies(buyer: Any, seller: Any) -> None:
    product = make_product(seller=seller, price="850.00")
    response = client_for(buyer).post(
        "/api/v1/offers",
        {
            "product_id": str(product.pk),
            "offered_price": 750.00,
            "message": "Would you accept 750 AED? I can pick up today.",
        },
    )
    assert response.status_code == 201
    body = response.json()
    assert body["success"] is True
    in_contract = ("product_id", "offered_price", "original_price", "status", "expires_at", "created_at")
    assert {name: body["data"][name] for name in in_contract} == {
        "product_id": str(product.pk),
        "offered_price": 750.00,
        "original_price": 850.00,
        "status": "pending",
        "expires_at": "2025-10-19T10:00:00Z",
        "created_at": "2025-10-18T10:00:00Z",
    }
    offer_id = body["data"]["id"]

    response = client_for(seller).patch(f"/api/v1/offers/{offer_id}/accept")
    assert response.status_code == 200
    data = response.json()["data"]
    sale = Transaction.objects.get()
    assert (data["id"], data["status"]) == (offer_id, "accepted")
    assert data["transaction_id"] == str(sale.pk)
    assert data["message"] == "Offer accepted! Transaction created."
    assert (sale.status, sale.platform_fee) == ("pending", Decimal("37.50"))
    product.refresh_from_db()
    assert product.status == "sold"

    shown = client_for(buyer).get(f"/api/v1/transactions/{sale.pk}").json()["data"]
    assert {name: shown[name] for name in ("price", "currency", "fee_rate", "platform_fee", "status")} == {
        "price": 750.00,
        "currency": "AED",
        "fee_rate": 0.05,
        "platform_fee": 37.50,
        "status": "pending",
    }
    assert shown["other_user"]["username"] == seller.username


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"product_id": None}, "product_id"),
        ({"product_id": "shoes"}, "product_id"),
        ({"offered_price": None}, "offered_price"),
        ({"offered_price": 0}, "offered_price"),
        ({"offered_price": -1}, "offered_price"),
        ({"offered_price": 1.999}, "offered_price"),
        ({"offered_price": "lots"}, "offered_price"),
        ({"offered_price": True}, "offered_price"),
        ({"offered_price": [750]}, "offered_price"),
        ({"offered_price": 1e30}, "offered_price"),
        ({"offered_price": 850.01}, "offered_price"),
        ({"currency": "USD"}, "currency"),
        ({"message": "x" * 1001}, "message"),
        ({"message": "a\x00b"}, "message"),
        ({"message": {"a": 1}}, "message"),
        ({"message": "\u200b\u3164"}, "message"),
        ({"client_offer_id": "x" * 65}, "client_offer_id"),
    ],
)
def test_invalid_field_is_named_and_nothing_changes(fields: dict[str, Any], wrong: str, buyer: Any) -> None:
    product = make_product(price="850.00")
    before = all_rows()
    body = {"product_id": str(product.pk), "offered_price": 750.00} | fields
    response = client_for(buyer).post("/api/v1/offers", body)
    assert error_of(response) == (400, "validation_error")
    assert list(response.json()["error"]["details"]) == [wrong]
    assert all_rows() == before


def test_requests_without_login_are_refused(client: Any) -> None:
    for path in ("offers", f"offers/{uuid.uuid4()}", "transactions", f"transactions/{uuid.uuid4()}"):
        assert error_of(client.get(f"/api/v1/{path}")) == (401, "not_authenticated")
    for action in ("accept", "decline", "counter", "withdraw"):
        response = client.patch(f"/api/v1/offers/{uuid.uuid4()}/{action}", content_type="application/json")
        assert error_of(response) == (401, "not_authenticated")


def test_each_action_returns_the_offer_by_patch_and_by_post(seller: Any) -> None:
    for method in ("patch", "post"):
        product = make_product(seller=seller)
        offer = make_offer(product)
        as_buyer, as_seller = client_for(offer.buyer), client_for(seller)
        answer = getattr(as_seller, method)(
            f"/api/v1/offers/{offer.pk}/counter", {"offered_price": 800, "message": "800 and it's yours"}
        )
        counter = answer.json()["data"]
        assert (answer.status_code, counter["status"], counter["offered_price"]) == (200, "pending", 800.00)
        assert (counter["parent_id"], counter["made_by"]) == (str(offer.pk), str(seller.pk))
        assert counter["message"] == "800 and it's yours"
        declined = getattr(as_buyer, method)(f"/api/v1/offers/{counter['id']}/decline").json()["data"]
        assert (declined["status"], declined["close_reason"]) == ("declined", "declined")
        again = make_offer(product, buyer=offer.buyer)
        withdrawn = getattr(as_buyer, method)(f"/api/v1/offers/{again.pk}/withdraw").json()["data"]
        assert (withdrawn["status"], withdrawn["close_reason"]) == ("withdrawn", "withdrawn")
        third = make_offer(product, buyer=offer.buyer)
        accepted = getattr(as_seller, method)(f"/api/v1/offers/{third.pk}/accept").json()["data"]
        cancelled = getattr(as_buyer, method)(f"/api/v1/transactions/{accepted['transaction_id']}/cancel")
        assert cancelled.json()["data"]["status"] == "cancelled"
        assert as_buyer.get(f"/api/v1/offers/{third.pk}").json()["data"]["status"] == "cancelled"


def test_offers_are_filtered_by_direction_product_and_status(buyer: Any, seller: Any) -> None:
    product, other = make_product(seller=seller), make_product(seller=seller)
    first = make_offer(product, buyer=buyer)
    second = make_offer(other, buyer=buyer)
    counter = make_counter(second)
    make_offer()

    def ids(user: Any, query: str = "") -> list[str]:
        data = client_for(user).get(f"/api/v1/offers{query}").json()["data"]
        assert data["total"] == len(data["items"])
        return [item["id"] for item in data["items"]]

    made, received = [str(second.pk), str(first.pk)], [str(counter.pk)]
    assert ids(buyer) == received + made
    assert ids(buyer, "?direction=made") == ids(seller, "?direction=received") == made
    assert ids(buyer, "?direction=received") == ids(seller, "?direction=made") == received
    assert ids(seller, f"?product_id={product.pk}") == [str(first.pk)]
    assert ids(seller, "?status=countered") == [str(second.pk)]
    assert ids(seller, f"?status=pending&product_id={other.pk}&direction=made") == received
    assert ids(make_user()) == []
    for query, wrong in (
        ("direction=up", "direction"),
        ("status=open", "status"),
        ("product_id=x", "product_id"),
        ("page=0", "page"),
        ("per_page=101", "per_page"),
    ):
        response = client_for(buyer).get(f"/api/v1/offers?{query}")
        assert error_of(response) == (400, "validation_error")
        assert list(response.json()["error"]["details"]) == [wrong]


def test_offer_past_its_expiry_time_is_shown_and_filtered_as_expired(buyer: Any) -> None:
    with time_machine.travel(NOON, tick=False):
        offer = make_offer(buyer=buyer)
    moment = NOON + timedelta(hours=24)
    for now, status, closed_at in (
        (moment - timedelta(seconds=1), "pending", None),
        (moment, "expired", "2025-10-19T12:00:00Z"),
    ):
        with time_machine.travel(now, tick=False):
            client = client_for(buyer)
            shown = client.get(f"/api/v1/offers/{offer.pk}").json()["data"]
            assert (shown["status"], shown["closed_at"]) == (status, closed_at)
            listed = client.get(f"/api/v1/offers?status={status}").json()["data"]["items"]
            assert [item["status"] for item in listed] == [status]
            other = "expired" if status == "pending" else "pending"
            assert client.get(f"/api/v1/offers?status={other}").json()["data"]["total"] == 0
    assert Offer.objects.get().status == "pending"


def test_strangers_and_blocked_users_get_not_found_but_sales_stay_visible(buyer: Any, seller: Any) -> None:
    offer = make_offer(make_product(seller=seller), buyer=buyer)
    sale = make_sale(make_product(seller=seller), buyer=buyer)
    stranger = client_for(make_user())
    assert error_of(stranger.get(f"/api/v1/offers/{offer.pk}")) == (404, "not_found")
    assert error_of(stranger.get(f"/api/v1/transactions/{sale.pk}")) == (404, "not_found")
    assert error_of(stranger.patch(f"/api/v1/transactions/{sale.pk}/cancel")) == (404, "not_found")
    block(seller, buyer)
    for user in (buyer, seller):
        client = client_for(user)
        assert error_of(client.get(f"/api/v1/offers/{offer.pk}")) == (404, "not_found")
        assert client.get(f"/api/v1/offers/{sale.offer_id}").json()["data"]["status"] == "accepted"
        assert [item["id"] for item in client.get("/api/v1/offers").json()["data"]["items"]] == [
            str(sale.offer_id)
        ]
        assert client.get(f"/api/v1/transactions/{sale.pk}").status_code == 200


def test_buyer_sees_no_difference_between_an_offer_below_the_minimum_and_a_declined_one(
    buyer: Any, seller: Any
) -> None:
    product = make_product(seller=seller, min_offer_price=Decimal("700.00"))
    other = make_product(seller=seller)
    low = make_offer(product, buyer=buyer, price="650.00")
    plain = make_offer(other, buyer=buyer, price="650.00")

    def differing() -> set[str]:
        shown = [client_for(buyer).get(f"/api/v1/offers/{offer.pk}").json()["data"] for offer in (low, plain)]
        assert set(shown[0]) == set(shown[1])
        assert shown[0]["status"] == shown[1]["status"]
        return {name for name in shown[0] if shown[0][name] != shown[1][name]}

    # Ids, times and products differ between any two offers.
    assert differing() <= {"id", "product_id", "conversation_id", "created_at", "expires_at", "product"}
    Offer.objects.filter(pk=low.pk).update(auto_decline_at=timezone.now())
    assert closing.decline_offers_below_minimum() == 1
    negotiation.decline_offer(actor=seller, offer_id=plain.pk)
    shown = [client_for(buyer).get(f"/api/v1/offers/{offer.pk}").json()["data"] for offer in (low, plain)]
    expected_to_differ = {
        "id",
        "product_id",
        "conversation_id",
        "created_at",
        "expires_at",
        "closed_at",
        "product",
    }
    assert differing() <= expected_to_differ
    assert set(shown[0]["product"]) == set(ProductCardOutput().fields)
    seen = client_for(seller).get(f"/api/v1/offers/{low.pk}").json()["data"]
    assert seen["close_reason"] == "below_minimum"


def test_transactions_are_filtered_by_role_product_and_status(buyer: Any) -> None:
    bought = make_sale(buyer=buyer)
    sold = make_sale(make_product(seller=buyer))
    client = client_for(buyer)

    def ids(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"/api/v1/transactions{query}").json()["data"]["items"]]

    assert ids("") == [str(sold.pk), str(bought.pk)]
    assert ids("?role=buyer") == [str(bought.pk)]
    assert ids("?role=seller") == [str(sold.pk)]
    assert ids(f"?product_id={sold.product_id}&status=pending") == [str(sold.pk)]
    assert ids("?status=cancelled") == []


@pytest.mark.parametrize("path", ["offers", "transactions"])
def test_query_count_of_a_list_does_not_depend_on_its_length(
    path: str, buyer: Any, django_assert_num_queries: Any
) -> None:
    client = client_for(buyer)
    for count in (1, 5):
        for _ in range(count):
            make_sale(buyer=buyer)
        with django_assert_num_queries(3):  # the user, the count, the rows
            assert client.get(f"/api/v1/{path}").status_code == 200


def test_repeated_idempotency_key_returns_the_first_response_and_one_offer(buyer: Any) -> None:
    product = make_product()
    client = client_for(buyer)
    body = {"product_id": str(product.pk), "offered_price": 750}
    first = client.post("/api/v1/offers", body, HTTP_IDEMPOTENCY_KEY="k1")
    second = client.post("/api/v1/offers", body, HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert Offer.objects.count() == 1
    other = client.post("/api/v1/offers", body | {"offered_price": 751}, HTTP_IDEMPOTENCY_KEY="k1")
    assert error_of(other) == (422, "idempotency_mismatch")


def test_repeated_accept_after_a_lost_response_returns_that_response(seller: Any) -> None:
    offer = make_offer(make_product(seller=seller))
    client = client_for(seller)
    path = f"/api/v1/offers/{offer.pk}/accept"
    first = client.patch(path, HTTP_IDEMPOTENCY_KEY="k1")
    assert first.status_code == 200
    # The same request is sent again when a server dies between the commit and its response.
    assert client.patch(path, HTTP_IDEMPOTENCY_KEY="k1").content == first.content
    assert error_of(client.patch(path)) == (409, "offer_accepted")
    assert Transaction.objects.count() == 1


def test_creating_offers_is_rate_limited(buyer: Any, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"offer_create": (2, 60)}
    client = client_for(buyer)
    body = {"product_id": str(make_product().pk), "offered_price": 750}
    assert [client.post("/api/v1/offers", body).status_code for _ in range(3)] == [201, 201, 429]
    assert client.get("/api/v1/offers").status_code == 200
