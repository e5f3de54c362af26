"""The proofs between orders and payments, as parts of the check of the ledger."""

import pytest
from django.db import connection

from orders.models import Order
from orders.tests.factories import make_order
from payments.services.ledger_check import check_ledger

State, Method = Order.State, Order.PaymentMethod
BY_CARD = [
    *(State.PENDING_PAYMENT, State.AUTHORISED, State.PAID, State.HANDED_OVER, State.SHIPPED, State.DELIVERED),
    *(State.COMPLETED, State.CANCELLED, State.EXPIRED),
]


def wrong_rules() -> set[str]:
    return {result.name for result in check_ledger().results if result.count}


def execute(sql: str, order: Order) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(sql, [order.pk])


@pytest.mark.parametrize("state", BY_CARD)
def test_order_by_card_agrees_with_its_payment_in_each_state(db: None, state: str) -> None:
    make_order(payment_method=Method.CARD, state=None if state == State.PENDING_PAYMENT else state)
    assert wrong_rules() == set()


@pytest.mark.parametrize("state", [State.AUTHORISED, State.HANDED_OVER, State.COMPLETED, State.CANCELLED])
def test_order_in_person_agrees_with_its_payment_in_each_state(db: None, state: str) -> None:
    make_order(state=None if state == State.AUTHORISED else state)
    assert wrong_rules() == set()


@pytest.mark.parametrize(
    ("state", "sql", "rule"),
    [
        (State.PAID, "UPDATE orders_order SET state = 'authorised' WHERE id = %s", "order_is_paid"),
        (None, "UPDATE orders_order SET state = 'paid' WHERE id = %s", "order_is_paid"),
        (State.HANDED_OVER, "UPDATE orders_order SET state = 'completed' WHERE id = %s", "order_is_released"),
        (State.COMPLETED, "UPDATE orders_order SET state = 'handed_over' WHERE id = %s", "order_is_released"),
        (State.COMPLETED, "UPDATE orders_order SET state = 'refunded' WHERE id = %s", "order_is_refunded"),
        (State.PAID, "UPDATE orders_order SET state = 'cancelled' WHERE id = %s", "order_is_refunded"),
        (
            None,
            "UPDATE payments_payment SET amount = amount + 1 WHERE reference = %s",
            "payment_is_of_the_sale",
        ),
    ],
)
def test_one_run_finds_each_difference(db: None, state: str | None, sql: str, rule: str) -> None:
    order = make_order(payment_method=Method.CARD, state=state)
    execute(sql, order)
    assert rule in wrong_rules()


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        (
            "UPDATE offers_transaction SET status = 'pending' WHERE id ="
            " (SELECT transaction_id FROM orders_order WHERE id = %s)",
            "sale_follows_order",
        ),
        (
            "UPDATE listings_product SET status = 'active', sold_at = NULL, reserved_at = NULL WHERE id ="
            " (SELECT product_id FROM orders_order WHERE id = %s)",
            "ordered_product_is_not_on_sale",
        ),
    ],
)
def test_one_run_finds_a_sale_or_product_that_does_not_follow_its_order(
    db: None, sql: str, rule: str
) -> None:
    order = make_order(state=State.HANDED_OVER)
    assert wrong_rules() == set()
    execute(sql, order)
    assert wrong_rules() == {rule}
