"""The hand-over code: who reads it, what a wrong one costs, and where it never appears."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import client_for
from listings.models import Product
from notifications.models import Notification
from offers.models import Transaction
from orders.codes import is_right, new_code, plain_code
from orders.models import Order, OrderEvent
from orders.tests.factories import make_order, pay
from payments.selectors import standing_payment

pytestmark = pytest.mark.django_db
State = Order.State


def enter(order: Order, code: Any, by: User | None = None, key: str | None = None) -> Any:
    client = client_for(by or order.seller)
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/orders/{order.pk}/hand-over", {"code": code}, headers=headers)


def code_of(order: Order) -> str:
    return plain_code(Order.objects.get(pk=order.pk).hand_over_code)


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_the_right_code_hands_over_what_is_paid_in_person() -> None:
    order = make_order()
    answer = enter(order, code_of(order))
    assert answer.status_code == 200
    assert answer.json()["data"]["state"] == "handed_over"
    sale, payment = Transaction.objects.get(), standing_payment(order.pk)
    order.refresh_from_db()
    assert payment is not None
    assert (payment.state, sale.status, Product.objects.get().status) == ("captured", "paid", "sold")
    assert sale.paid_at == order.handed_over_at
    assert sale.paid_at is not None
    assert (order.hand_over_code, order.completes_at) == ("", sale.paid_at + settings.ORDER_COMPLETES_AFTER)
    assert Notification.objects.filter(user=order.buyer, kind="order_handed_over").count() == 1


def test_the_right_code_hands_over_what_was_paid_by_card() -> None:
    order = make_order(payment_method="card")
    assert order.hand_over_code == ""
    pay(order)
    assert enter(order, code_of(order)).json()["data"]["state"] == "handed_over"


def test_five_wrong_codes_lock_it_for_fifteen_minutes_and_the_buyer_is_told() -> None:
    order = make_order()
    code = code_of(order)
    for left in (4, 3, 2, 1):
        answer = enter(order, another(code))
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "hand_over_code_wrong")
        assert answer.json()["error"]["details"] == {"attempts_left": left}
    assert enter(order, another(code)).json()["error"]["code"] == "hand_over_code_locked"
    assert enter(order, code).json()["error"]["code"] == "hand_over_code_locked"
    assert Notification.objects.filter(user=order.buyer, kind="order_code_locked").count() == 1
    whats = list(OrderEvent.objects.filter(order=order).values_list("what", flat=True))
    assert whats[2:] == ["wrong_code"] * 4 + ["code_locked"]
    with time_machine.travel(timezone.now() + settings.HAND_OVER_CODE_LOCKED_FOR + timedelta(seconds=1)):
        assert enter(order, another(code)).json()["error"]["details"] == {"attempts_left": 4}
        assert enter(order, code).status_code == 200


def test_a_wrong_code_is_counted_though_the_request_has_an_idempotency_key() -> None:
    order = make_order()
    code = code_of(order)
    for _ in range(2):
        assert enter(order, another(code), key="one").status_code == 409
    assert Order.objects.get(pk=order.pk).code_attempts == 2
    answers = [enter(order, code, key="one") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1]["Idempotent-Replayed"] == "true"


def test_only_the_seller_enters_it_and_only_while_it_can_be_used() -> None:
    order = make_order()
    code = code_of(order)
    assert enter(order, code, by=order.buyer).json()["error"]["code"] == "not_the_seller"
    assert Order.objects.get().code_attempts == 0
    assert enter(order, code).status_code == 200
    assert enter(order, code).json()["error"]["code"] == "order_handed_over"
    unpaid = make_order(payment_method="card")
    assert enter(unpaid, "123456").json()["error"]["code"] == "order_pending_payment"
    sent = make_order(payment_method="card", delivery="shipping", state=State.PAID)
    assert enter(sent, "123456").json()["error"]["code"] == "no_hand_over_code"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", None, 123456.5, ["123456"]])
def test_what_is_not_six_digits_is_refused_and_not_counted(code: Any) -> None:
    order = make_order()
    assert enter(order, code).status_code == 400
    assert Order.objects.get().code_attempts == 0


def test_only_the_buyer_reads_the_code_and_only_in_the_order_itself() -> None:
    order = make_order()
    code = code_of(order)
    buyer, seller = client_for(order.buyer), client_for(order.seller)
    shown = buyer.get(f"/api/v1/orders/{order.pk}")
    assert shown.json()["data"]["hand_over_code"] == code
    assert "no-store" in shown["Cache-Control"]
    assert seller.get(f"/api/v1/orders/{order.pk}").json()["data"]["hand_over_code"] is None
    for answer in (
        buyer.get("/api/v1/orders"),
        seller.get("/api/v1/sales"),
        seller.get(f"/api/v1/orders/{order.pk}"),
        seller.get(f"/api/v1/transactions/{order.transaction_id}"),
        buyer.get(f"/api/v1/conversations/{order.transaction.offer.conversation_id}/messages"),
        seller.get("/api/v1/notifications"),
    ):
        assert answer.status_code == 200
        assert code not in answer.content.decode()
    picture = buyer.get(f"/api/v1/orders/{order.pk}/hand-over-code.svg")
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/svg+xml")
    assert picture.content.startswith(b"<svg")
    assert "no-store" in picture["Cache-Control"]
    assert seller.get(f"/api/v1/orders/{order.pk}/hand-over-code.svg").status_code == 404
    enter(order, code)
    assert buyer.get(f"/api/v1/orders/{order.pk}").json()["data"]["hand_over_code"] is None
    assert buyer.get(f"/api/v1/orders/{order.pk}/hand-over-code.svg").status_code == 409


def test_no_row_holds_the_code_in_plain_text(captured_events: Any) -> None:
    order = make_order()
    code = code_of(order)
    buyer = client_for(order.buyer)
    buyer.get(f"/api/v1/orders/{order.pk}", headers={"Idempotency-Key": "read"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            # The text of each row; ids and times may hold the same six digits by chance.
            cursor.execute(
                f'SELECT count(*) FROM "{table}" AS row WHERE row::text ~ %s',  # noqa: S608 - a table's name
                [f'(^|[,("]){code}([,)"]|$)'],
            )
            assert cursor.fetchone() == (0,), table
    assert not any(code in str(data.get("code", "")) for _, _, data in captured_events)


def test_codes_are_six_random_digits_and_their_ciphertexts_differ() -> None:
    codes = [new_code() for _ in range(20)]
    assert len(set(codes)) == 20
    for encrypted in codes:
        digits = plain_code(encrypted)
        assert len(digits) == 6
        assert digits.isdecimal()
        assert is_right(encrypted, digits)
        assert not is_right(encrypted, another(digits))
        assert digits not in encrypted
