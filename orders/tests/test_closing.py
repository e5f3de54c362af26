"""Cancelling and completing orders, and what closed accounts, blocks and withdrawn products do to them."""

from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from accounts.services.moderation import ban_user
from accounts.services.relations import block_user
from accounts.tests.factories import client_for, make_seller, make_staff, make_user
from listings.models import Product
from listings.services import delete_product, hide_product, restore_product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer, Transaction
from offers.services.sales import cancel_transaction
from offers.tests.factories import make_sale
from orders.models import Order, OrderEvent
from orders.services import closing
from orders.tests.factories import make_order, move_payment_of, pay
from payments.models import FinanceCase, Payment, Refund
from payments.selectors import latest_payment
from soukloop.core.errors import DomainError, NotFound

pytestmark = pytest.mark.django_db
State = Order.State


def payment_of(order: Order) -> Payment:
    payment = latest_payment(order.pk)
    assert payment is not None
    return payment


def told(kind: str) -> set[Any]:
    return set(Notification.objects.filter(kind=kind).values_list("user", flat=True))


def assert_on_sale_again(order: Order, reason: str) -> None:
    order.refresh_from_db()
    sale = Transaction.objects.get(pk=order.transaction_id)
    offer = Offer.objects.get(pk=sale.offer_id)
    assert (order.state, order.close_reason) == ("cancelled", reason)
    assert (sale.status, offer.status, order.product.status) == ("cancelled", "cancelled", "active")


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_either_side_cancels_an_order_in_person_and_the_other_is_told(side: str) -> None:
    order = make_order()
    actor = getattr(order, side)
    other = order.seller if side == "buyer" else order.buyer
    cancelled = closing.cancel_order(actor=actor, order_id=order.pk, reason="ill")
    assert cancelled.closed_by == actor
    order = Order.objects.get(pk=order.pk)
    assert_on_sale_again(order, "ill")
    assert payment_of(order).state == "cancelled"
    assert told("order_cancelled") == {other.pk}
    with pytest.raises(DomainError) as again:
        closing.cancel_order(actor=other, order_id=order.pk)
    assert again.value.code == "order_cancelled"
    with pytest.raises(NotFound):
        closing.cancel_order(actor=make_user(), order_id=order.pk)


def test_a_paid_order_that_is_cancelled_is_refunded_in_full() -> None:
    order = make_order(payment_method="card", state=State.PAID)
    closing.cancel_order(actor=order.seller, order_id=order.pk)
    refund = Refund.objects.get()
    assert (refund.amount, refund.state, refund.reason) == (85_000, "requested", "cancelled")
    assert_on_sale_again(Order.objects.get(pk=order.pk), "")


def test_an_order_cancelled_while_the_card_is_captured_is_refunded_once_it_is() -> None:
    order = make_order(payment_method="card", state=State.AUTHORISED)
    closing.cancel_order(actor=order.buyer, order_id=order.pk)
    payment = payment_of(order)
    assert payment.cancel_asked_at is not None
    move_payment_of(order, Payment.State.CAPTURED)  # the provider was faster
    assert Refund.objects.get().amount == 85_000
    assert_on_sale_again(Order.objects.get(pk=order.pk), "")


def test_the_contracts_cancelling_of_a_transaction_cancels_its_order() -> None:
    order = make_order(offer=make_sale().offer, payment_method="card", state=State.PAID)
    sale = cancel_transaction(actor=order.buyer, transaction_id=order.transaction_id, reason="ill")
    assert sale.status == "cancelled"
    assert_on_sale_again(Order.objects.get(pk=order.pk), "ill")
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("by_card", [True, False], ids=["by card", "in person"])
def test_what_was_handed_over_cannot_be_cancelled(by_card: bool) -> None:
    order = make_order(payment_method="card" if by_card else "in_person", state=State.HANDED_OVER)
    path = f"/api/v1/transactions/{order.transaction_id}/cancel"
    for url in (path, f"/api/v1/orders/{order.pk}/cancel"):
        answer = client_for(order.seller).post(url)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "order_handed_over")
        assert answer.json()["error"]["details"] == {"state": "handed_over"}
    sale = Transaction.objects.get()
    assert (sale.status, Order.objects.get().state, Refund.objects.count()) == ("paid", "handed_over", 0)


def test_the_buyer_confirms_and_the_seller_gets_the_share() -> None:
    order = make_order(payment_method="card", state=State.HANDED_OVER)
    with pytest.raises(DomainError) as refused:
        closing.confirm_order(actor=order.seller, order_id=order.pk)
    assert refused.value.code == "not_the_buyer"
    assert payment_of(order).released_at is None
    closing.confirm_order(actor=order.buyer, order_id=order.pk)
    order.refresh_from_db()
    assert (order.state, order.completes_at, Transaction.objects.get().status) == (
        "completed",
        None,
        "completed",
    )
    assert payment_of(order).released_at is not None
    assert told("order_completed") == {order.seller_id}


def test_an_order_completes_by_itself_three_days_after_the_hand_over() -> None:
    order = make_order(payment_method="card", state=State.HANDED_OVER)
    assert closing.complete_due_orders() == 0
    with time_machine.travel(timezone.now() + settings.ORDER_COMPLETES_AFTER):
        assert closing.complete_due_orders() == 1
        assert closing.complete_due_orders() == 0
    assert payment_of(order).released_at is not None
    assert told("order_completed") == {order.buyer_id, order.seller_id}


def test_a_paid_order_that_is_not_sent_in_seven_days_is_cancelled_and_refunded() -> None:
    order = make_order(payment_method="card", delivery="shipping", state=State.PAID)
    assert closing.cancel_unsent_orders() == 0
    with time_machine.travel(timezone.now() + settings.ORDER_SHIP_WITHIN):
        assert closing.cancel_unsent_orders() == 1
    assert_on_sale_again(Order.objects.get(pk=order.pk), "not_sent")
    assert Refund.objects.count() == 1
    assert told("order_cancelled") == {order.buyer_id, order.seller_id}


def test_both_are_asked_every_seven_days_whether_they_have_met() -> None:
    order = make_order()
    assert closing.ask_about_meetings() == 0
    for week in (1, 2):
        with time_machine.travel(timezone.now() + week * settings.ORDER_MEETING_ASKED_AFTER):
            assert closing.ask_about_meetings() == 1
            assert closing.ask_about_meetings() == 0
    asked = Notification.objects.filter(kind="order_meeting").values_list("user", flat=True)
    assert sorted(asked) == sorted([order.buyer_id, order.seller_id] * 2)
    assert OrderEvent.objects.filter(order=order, what="meeting_asked").count() == 2


def test_a_pair_that_cancels_again_and_again_opens_one_case() -> None:
    buyer, seller = make_user(), make_seller()
    for number in range(settings.ORDER_CANCELLATIONS_OF_PAIR + 1):
        order = make_order(make_product(seller=seller), buyer=buyer)
        closing.cancel_order(actor=buyer if number % 2 else seller, order_id=order.pk)
        cases = FinanceCase.objects.filter(kind="repeated_cancellations")
        assert cases.count() == int(number + 1 >= settings.ORDER_CANCELLATIONS_OF_PAIR)
    assert cases.get().key == f"{buyer.pk}:{seller.pk}"


def test_cancellations_of_long_ago_or_by_nobody_open_no_case() -> None:
    buyer, seller = make_user(), make_seller()
    for _ in range(settings.ORDER_CANCELLATIONS_OF_PAIR):
        order = make_order(make_product(seller=seller), buyer=buyer)
        closing.cancel_order(actor=buyer, order_id=order.pk)
        Order.objects.update(closed_at=timezone.now() - settings.ORDER_CANCELLATIONS_COUNTED_FOR)
    assert not FinanceCase.objects.exists()


@pytest.mark.parametrize("state", [State.PENDING_PAYMENT, State.AUTHORISED])
def test_an_unpaid_order_is_cancelled_if_staff_hide_the_product(state: str) -> None:
    by_card = state == State.PENDING_PAYMENT
    order = make_order(payment_method="card" if by_card else "in_person")
    staff = make_staff()
    hide_product(actor=staff, product_id=order.product_id, reason="Fake")
    order.refresh_from_db()
    assert (order.state, order.close_reason) == ("cancelled", "product_hidden")
    product = Product.objects.get()
    assert (product.status, product.reserved_at) == ("hidden", None)
    assert told("order_cancelled") == {order.buyer_id, order.seller_id}
    restore_product(actor=staff, product_id=product.pk, reason="Real")
    assert Product.objects.get().status == "active"


def test_a_paid_order_stays_if_staff_hide_the_product() -> None:
    order = make_order(payment_method="card", state=State.PAID)
    hide_product(actor=make_staff(), product_id=order.product_id, reason="Fake")
    assert Order.objects.get().state == "paid"
    closing.cancel_order(actor=order.buyer, order_id=order.pk)
    product = Product.objects.get()
    assert (product.status, product.sold_at) == ("hidden", None)


def test_a_product_cannot_be_deleted_or_changed_while_somebody_buys_it() -> None:
    order = make_order()
    with pytest.raises(DomainError) as refused:
        delete_product(actor=order.seller, product_id=order.product_id)
    assert refused.value.code == "product_reserved"


def test_a_closed_account_cancels_what_it_can_no_longer_carry_out() -> None:
    seller = make_seller()
    paid = make_order(make_product(seller=seller), payment_method="card", state=State.PAID)
    given = make_order(make_product(seller=seller), state=State.HANDED_OVER)
    ban_user(actor=make_staff(), user_id=seller.pk, reason="Fakes")
    assert closing.cancel_orders_of_person(seller.pk) == 1
    assert closing.cancel_orders_of_person(seller.pk) == 0
    states = {order.pk: order.state for order in Order.objects.all()}
    assert states == {paid.pk: "cancelled", given.pk: "handed_over"}
    buyer = make_user(phone="+971501112233")
    sent_to = make_order(buyer=buyer, payment_method="card", delivery="shipping", state=State.PAID)
    to_meet = make_order(buyer=buyer, payment_method="card", state=State.PAID)
    assert closing.cancel_orders_of_person(buyer.pk) == 1
    sent_to.refresh_from_db()
    to_meet.refresh_from_db()
    assert (sent_to.state, to_meet.state) == ("paid", "cancelled")


def test_a_block_hides_no_order_from_either_side() -> None:
    order = make_order()
    block_user(actor=order.buyer, user_id=order.seller_id)
    for person, url in ((order.buyer, "/api/v1/orders"), (order.seller, "/api/v1/sales")):
        client = client_for(person)
        assert client.get(f"/api/v1/orders/{order.pk}").status_code == 200
        assert [one["id"] for one in client.get(url).json()["data"]["items"]] == [str(order.pk)]
    assert client_for(order.seller).post(f"/api/v1/orders/{order.pk}/cancel").status_code == 200


def test_a_cancelled_order_leaves_the_product_inactive_where_the_seller_has_no_room(
    settings: Any,
) -> None:
    settings.ACTIVE_PRODUCTS_MAX = 1
    order = make_order(payment_method="card")
    pay(order, State.AUTHORISED)  # sold, so that there is room for another
    make_product(seller=order.seller)
    closing.cancel_order(actor=order.buyer, order_id=order.pk)
    product = Product.objects.get(pk=order.product_id)
    assert product.status == "inactive"
