"""Parcels: sent, corrected, delivered by what the carrier tells or after some time; never charged for."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_user
from notifications.models import Notification
from orders import carriers
from orders.models import Order, OrderEvent
from orders.services import closing, shipping
from orders.tests.factories import make_order
from payments.models import Payment, Refund

pytestmark = pytest.mark.django_db
State = Order.State
ARAMEX = {"carrier": "aramex", "tracking_number": "34129876543"}


def paid_order() -> Order:
    return make_order(payment_method="card", delivery="shipping", state=State.PAID)


def ship(order: Order, **body: Any) -> Any:
    return client_for(order.seller).post(f"/api/v1/orders/{order.pk}/ship", ARAMEX | body)


def whats(order: Order) -> list[str]:
    return list(OrderEvent.objects.filter(order=order).order_by("id").values_list("what", flat=True))


def money_of(order: Order) -> list[tuple[int, int, str]]:
    """Return each payment of an order as (amount, refunded, state)."""
    payments = Payment.objects.filter(reference=order.pk)
    return list(payments.values_list("amount", "refunded", "state"))


class FakeCarrier(HTTPServer):
    """Answers as the service that knows of all carriers' parcels."""

    answers: dict[str, Any]
    asked: list[dict[str, str]]


class _Answer(BaseHTTPRequestHandler):
    server: FakeCarrier

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.asked.append(query | {"key": self.headers.get("Authorization", "")})
        answer = self.server.answers.get(query["number"])
        self.send_response(200 if answer is not None else 404)
        self.end_headers()
        self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def carrier(settings: Any) -> Iterator[FakeCarrier]:
    """A carriers' service over loopback; `answers` are by tracking number."""
    server = FakeCarrier(("127.0.0.1", 0), _Answer)
    server.answers, server.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    settings.CARRIER_STATUS_URL = f"http://127.0.0.1:{server.server_port}/parcels"
    settings.CARRIER_STATUS_KEY = "carrier-key"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


# --- Numbers and pages


@pytest.mark.parametrize(
    ("name", "typed", "number"),
    [
        ("aramex", " 3412 9876-543", "34129876543"),
        ("aramex", "٣٤١٢٩٨٧٦٥٤٣", "34129876543"),
        ("emirates_post", "ee123456789ae", "EE123456789AE"),
        ("dhl", "1234567890", "1234567890"),
        ("fedex", "1234 5678 9012", "123456789012"),
        ("ups", "1z999aa10123456784", "1Z999AA10123456784"),
        ("other", "ab-1234", "AB1234"),
    ],
)
def test_a_number_is_taken_as_its_carrier_writes_it(name: str, typed: str, number: str) -> None:
    assert carriers.normalize_number(typed) == number
    assert carriers.is_number_of(name, number)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("aramex", "1234"),
        ("emirates_post", "123456789"),
        ("fedex", "12345678901234"),
        ("ups", "999AA10123456784"),
        ("other", "A"),
        ("other", "<SCRIPT>"),
        ("other", "A" * 41),
    ],
)
def test_a_number_that_a_carrier_cannot_have_is_refused(name: str, number: str) -> None:
    order = paid_order()
    answer = ship(order, carrier=name, tracking_number=number)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["tracking_number"])
    order.refresh_from_db()
    assert order.state == State.PAID


def test_carriers_are_listed_for_guests_in_both_languages() -> None:
    items = APIClient().get("/api/v1/carriers").json()["data"]["items"]
    assert [item["name"] for item in items] == list(carriers.CARRIERS)
    arabic = APIClient().get("/api/v1/carriers", HTTP_ACCEPT_LANGUAGE="ar").json()["data"]["items"]
    assert {"name": "emirates_post", "label": "بريد الإمارات"} in arabic


def test_the_page_of_a_parcel_has_its_number_where_the_carrier_takes_one() -> None:
    page = carriers.tracking_url("aramex", "34129876543")
    assert page == "https://www.aramex.com/track/results?ShipmentNumber=34129876543"
    assert carriers.tracking_url("other", "AB1234") is None
    assert carriers.tracking_url("", "") is None


# --- Sending


def test_the_seller_sends_a_paid_order_and_the_buyer_is_told_where_it_is() -> None:
    order = paid_order()
    assert ship(order).json()["data"]["state"] == State.SHIPPED
    data = client_for(order.buyer).get(f"/api/v1/orders/{order.pk}").json()["data"]
    assert (data["carrier"], data["tracking_number"]) == ("aramex", "34129876543")
    assert data["tracking_url"].endswith("34129876543")
    assert data["shipped_at"] is not None
    assert data["timeline"][-1]["what"] == "shipped"
    assert Notification.objects.filter(user=order.buyer, kind="order_shipped").count() == 1


def test_another_number_corrects_the_first_and_charges_nothing() -> None:
    order = paid_order()
    before = money_of(order)
    ship(order)
    for _ in range(2):  # the second part of a split parcel, and a client's retry
        answer = ship(order, carrier="dhl", tracking_number="JD014600001234567890")
        assert (answer.status_code, answer.json()["data"]["carrier"]) == (200, "dhl")
    assert whats(order)[-2:] == ["shipped", "tracking_corrected"]
    assert money_of(order) == before == [(85_000, 0, "captured")]
    closing.confirm_order(actor=order.buyer, order_id=order.pk)
    assert money_of(order) == before
    order.transaction.refresh_from_db()
    assert order.transaction.status == "completed"


@pytest.mark.parametrize("state", [State.PENDING_PAYMENT, State.DELIVERED, State.CANCELLED, State.EXPIRED])
def test_an_order_in_another_state_is_not_sent(state: str) -> None:
    order = make_order(
        payment_method="card",
        delivery="shipping",
        state=None if state == State.PENDING_PAYMENT else state,
    )
    answer = ship(order)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, f"order_{state}")
    assert "shipped" not in whats(order)[-1:]


def test_only_the_seller_sends_and_only_what_is_to_be_sent() -> None:
    order = paid_order()
    url = f"/api/v1/orders/{order.pk}/ship"
    assert client_for(order.buyer).post(url, ARAMEX).json()["error"]["code"] == "not_the_seller"
    assert client_for(make_user()).post(url, ARAMEX).status_code == 404
    meeting = make_order(payment_method="card", state=State.PAID)
    assert ship(meeting).json()["error"]["code"] == "order_not_shipped"


def test_what_was_sent_is_not_cancelled_and_both_sides_learn_why() -> None:
    order = paid_order()
    ship(order)
    before = (money_of(order), whats(order))
    for person in (order.buyer, order.seller):
        for path in (f"orders/{order.pk}/cancel", f"transactions/{order.transaction_id}/cancel"):
            answer = client_for(person).post(f"/api/v1/{path}", {})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "order_shipped"), path
            assert answer.json()["error"]["message"] == "This order was already sent."
    order.refresh_from_db()
    assert (order.state, money_of(order), whats(order)) == (State.SHIPPED, *before)
    assert not Refund.objects.exists()


# --- Delivery


def test_a_parcel_that_its_carrier_delivered_completes_three_days_later(carrier: FakeCarrier) -> None:
    order, other = paid_order(), paid_order()
    ship(order)
    ship(other, tracking_number="34129876544")
    carrier.answers = {"34129876543": {"status": "delivered"}, "34129876544": {"status": "in_transit"}}
    assert [shipping.track_parcels(), shipping.track_parcels()] == [1, 0]
    assert {"carrier": "aramex", "number": "34129876543", "key": "Bearer carrier-key"} in carrier.asked
    order.refresh_from_db()
    other.refresh_from_db()
    assert (order.state, other.state) == (State.DELIVERED, State.SHIPPED)
    assert order.delivered_at is not None
    assert order.completes_at == order.delivered_at + timedelta(days=3)
    assert Notification.objects.filter(kind="order_delivered").count() == 2
    with time_machine.travel(order.completes_at + timedelta(seconds=1), tick=False):
        assert closing.complete_due_orders() == 1
    order.refresh_from_db()
    assert order.state == State.COMPLETED


@pytest.mark.parametrize("answer", [None, b"<html>", {"status": "lost"}, [], {"status": ["delivered"]}, b""])
def test_an_answer_that_does_not_say_delivered_changes_nothing(carrier: FakeCarrier, answer: Any) -> None:
    order = paid_order()
    ship(order)
    carrier.answers = {"34129876543": answer}
    assert shipping.track_parcels() == 0
    order.refresh_from_db()
    assert order.state == State.SHIPPED


def test_nobody_is_asked_without_a_service_or_about_an_unknown_carrier(
    carrier: FakeCarrier, settings: Any
) -> None:
    order = paid_order()
    ship(order, carrier="other", tracking_number="AB1234")
    assert shipping.track_parcels() == 0
    ship(order)
    settings.CARRIER_STATUS_URL = ""
    assert (shipping.track_parcels(), carrier.asked) == (0, [])


def test_a_parcel_of_which_nothing_is_heard_counts_as_delivered_after_14_days() -> None:
    order = paid_order()
    ship(order)
    with time_machine.travel(timezone.now() + timedelta(days=14, minutes=-1), tick=False):
        assert shipping.assume_delivered() == 0
    with time_machine.travel(timezone.now() + timedelta(days=14, minutes=1), tick=False):
        assert [shipping.assume_delivered(), shipping.assume_delivered()] == [1, 0]
    order.refresh_from_db()
    assert (order.state, whats(order)[-1]) == (State.DELIVERED, "assumed_delivered")
    assert order.completes_at is not None
