"""Placing orders, paying them, and what becomes of those that are not paid in time."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from accounts.tests.factories import block, make_seller, make_user
from chat.models import Message
from listings.models import Product
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer, OfferEvent, Transaction
from offers.services.negotiation import accept_offer
from offers.services.sales import expire_due_sales
from offers.tests.factories import make_counter, make_offer, make_sale
from orders.models import Order, OrderEvent
from orders.services import buying
from orders.tests.address_factories import make_address
from orders.tests.factories import make_order, move_payment_of, pay
from payments.models import Payment
from payments.selectors import latest_payment, standing_payment
from payments.tests.factories import make_account
from soukloop.core.errors import DomainError

pytestmark = pytest.mark.django_db
State = Order.State


def place(buyer: Any, product: Product | None = None, **fields: Any) -> Order:
    """Order to be paid in person, unless other fields are given."""
    defaults: dict[str, Any] = {"payment_method": "in_person", "delivery": "meet_up"}
    if product is not None:
        defaults["product_id"] = product.pk
    return buying.place_order(actor=buyer, **(defaults | fields))


def refusal(buyer: Any, product: Product | None = None, **fields: Any) -> str:
    """Return the code with which an order is refused, and prove that it changed nothing."""
    before = (Order.objects.count(), Offer.objects.count(), Payment.objects.count())
    with pytest.raises(DomainError) as refused:
        place(buyer, product, **fields)
    assert (Order.objects.count(), Offer.objects.count(), Payment.objects.count()) == before
    return refused.value.code


def whats(order: Order) -> list[str]:
    return list(OrderEvent.objects.filter(order=order).values_list("what", flat=True))


def test_buying_in_person_binds_both_sides_at_once() -> None:
    product = make_product(price="850.00")
    order = make_order(product)
    assert (order.state, order.expires_at) == ("authorised", None)
    product.refresh_from_db()
    assert product.status == "reserved"
    sale = order.transaction
    assert (sale.status, sale.price, sale.platform_fee) == ("pending", Decimal("850.00"), Decimal("42.50"))
    offer = sale.offer
    assert (offer.is_purchase, offer.status, offer.offered_price) == (True, "accepted", Decimal("850.00"))
    payment = standing_payment(order.pk)
    assert payment is not None
    assert (payment.state, payment.amount, payment.fee) == ("authorised", 85_000, 4_250)
    assert whats(order) == ["created", "authorised_in_person"]
    assert list(Notification.objects.values_list("user", "kind")) == [(product.seller_id, "order_new")]


def test_buying_by_card_reserves_the_product_for_fifteen_minutes() -> None:
    order = make_order(payment_method="card")
    assert order.state == "pending_payment"
    assert order.expires_at is not None
    assert order.expires_at - order.created_at == settings.ORDER_BUY_NOW_RESERVED_FOR
    product = Product.objects.get(pk=order.product_id)
    assert product.status == "reserved"
    assert not Notification.objects.exists()


def test_a_card_is_captured_only_once_the_product_is_sold_to_its_owner() -> None:
    product = make_product()
    rival = make_offer(product)
    order = make_order(product, payment_method="card")
    rival.refresh_from_db()
    assert rival.status == "pending"
    pay(order, State.AUTHORISED)
    assert order.state == "authorised"
    product.refresh_from_db()
    rival.refresh_from_db()
    assert (product.status, rival.status) == ("sold", "declined")
    payment = latest_payment(order.pk)
    assert payment is not None
    assert payment.capture_asked_at is not None
    move_payment_of(order, Payment.State.CAPTURED)
    order.refresh_from_db()
    sale = Transaction.objects.get(pk=order.transaction_id)
    assert (order.state, sale.status) == ("paid", "paid")
    assert sale.paid_at is not None
    assert order.hand_over_code != ""
    assert whats(order) == ["created", "authorised", "paid"]
    kinds = Notification.objects.filter(kind="order_paid").values_list("user", flat=True)
    assert set(kinds) == {order.buyer_id, order.seller_id}
    texts = Message.objects.filter(conversation=sale.offer.conversation_id).values_list("content", flat=True)
    assert list(texts) == ["Paid by card: AED 850.00"]


def test_an_accepted_offer_is_ordered_within_its_24_hours() -> None:
    sale = make_sale(price="750.00")
    accepted_until = sale.expires_at
    order = make_order(offer=sale.offer, payment_method="card")
    sale.refresh_from_db()
    assert (order.transaction_id, order.expires_at, sale.expires_at) == (sale.pk, accepted_until, None)
    assert refusal(sale.buyer, offer_id=sale.offer_id) == "order_exists"
    pay(order)
    sale.refresh_from_db()
    assert (sale.status, Product.objects.get().status) == ("paid", "sold")


def test_an_accepted_offer_that_is_not_ordered_is_cancelled_after_24_hours() -> None:
    product = make_product()
    rival = make_offer(product, price="700.00")
    sale = make_sale(product, price="750.00")
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        assert refusal(sale.buyer, offer_id=sale.offer_id) == "transaction_cancelled"
        assert expire_due_sales() == 1
        assert expire_due_sales() == 0
    sale.refresh_from_db()
    product.refresh_from_db()
    rival.refresh_from_db()
    assert (sale.status, sale.closed_by) == ("cancelled", None)
    assert Offer.objects.get(pk=sale.offer_id).status == "cancelled"
    assert (product.status, rival.status) == ("active", "declined")
    told = Notification.objects.filter(kind="sale_expired").values_list("user", flat=True)
    assert set(told) == {sale.buyer_id, sale.seller_id}


def test_sales_of_the_version_before_never_expire_by_themselves() -> None:
    sale = make_sale()
    Transaction.objects.filter(pk=sale.pk).update(expires_at=None)
    with time_machine.travel(timezone.now() + timedelta(days=400)):
        assert expire_due_sales() == 0
        order = make_order(offer=sale.offer, payment_method="card")
        assert order.expires_at is not None
        assert order.expires_at - order.created_at == settings.ORDER_OFFER_RESERVED_FOR


def test_an_order_that_is_not_paid_in_time_expires_and_the_product_is_on_sale_again() -> None:
    order = make_order(payment_method="card")
    rival = make_user()
    assert refusal(rival, order.product) == "product_reserved"
    with time_machine.travel(timezone.now() + settings.ORDER_BUY_NOW_RESERVED_FOR):
        assert order.state_at(timezone.now()) == "expired"
        assert buying.expire_due_orders() == 1
        assert buying.expire_due_orders() == 0
    order.refresh_from_db()
    payment = latest_payment(order.pk)
    assert payment is not None
    assert (order.state, Transaction.objects.get().status) == ("expired", "cancelled")
    assert payment.cancel_asked_at is not None
    assert Product.objects.get().status == "active"
    assert list(OfferEvent.objects.values_list("kind", flat=True)) == ["created", "accepted", "cancelled"]
    assert place(rival, order.product).state == "authorised"


def test_a_card_authorised_after_the_expiry_is_given_up_and_nothing_is_captured() -> None:
    order = make_order(payment_method="card")
    with time_machine.travel(timezone.now() + settings.ORDER_BUY_NOW_RESERVED_FOR):
        payment = move_payment_of(order, Payment.State.AUTHORISED)
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (order.state, Product.objects.get().status) == ("expired", "active")
    assert payment.capture_asked_at is None
    assert payment.cancel_asked_at is not None


def test_a_failed_payment_can_be_made_again_or_in_person() -> None:
    order = make_order(payment_method="card")
    move_payment_of(order, Payment.State.FAILED, failure_code="card_declined")
    order.refresh_from_db()
    assert order.state == "pending_payment"
    assert Notification.objects.get().kind == "order_payment_failed"
    order = buying.pay_again(actor=order.buyer, order_id=order.pk)
    assert order.state == "pending_payment"
    again = buying.pay_again(actor=order.buyer, order_id=order.pk)  # one is under way
    assert Payment.objects.filter(reference=again.pk).count() == 2
    move_payment_of(order, Payment.State.FAILED)
    order = buying.pay_again(actor=order.buyer, order_id=order.pk, payment_method="in_person")
    assert (order.state, order.payment_method) == ("authorised", "in_person")


def test_an_order_is_paid_in_person_once_the_card_payment_under_way_is_given_up() -> None:
    order = make_order(payment_method="card")
    order = buying.pay_again(actor=order.buyer, order_id=order.pk, payment_method="in_person")
    assert order.state == "pending_payment"
    payment = latest_payment(order.pk)
    assert payment is not None
    assert payment.cancel_asked_at is not None
    move_payment_of(order, Payment.State.CANCELLED)
    order.refresh_from_db()
    assert (order.state, order.payment_method) == ("authorised", "in_person")


def test_refusals_of_an_order() -> None:
    product, buyer = make_product(), make_user()
    assert refusal(product.seller, product) == "own_product"
    assert refusal(buyer, product, payment_method="card") == "seller_not_paid_by_card"
    assert refusal(buyer, product, delivery="shipping") == "validation_error"
    make_account(product.seller)
    assert refusal(buyer, product, payment_method="card", delivery="shipping") == "validation_error"
    address = make_address(buyer)
    by_card = {"payment_method": "card", "delivery": "shipping"}
    assert refusal(buyer, product, **by_card, address_id=address.pk) == "phone_not_confirmed"
    of_another = make_address(make_user())
    assert refusal(buyer, product, **by_card, address_id=of_another.pk) == "address_not_found"
    assert refusal(buyer) == "validation_error"
    offer = make_offer(product, buyer=buyer)
    assert refusal(buyer, product, offer_id=offer.pk) == "validation_error"
    assert refusal(buyer, offer_id=offer.pk) == "offer_pending"
    assert refusal(make_user(), offer_id=offer.pk) == "not_found"
    sold = make_sale()
    assert refusal(buyer, sold.product) == "product_not_available"
    assert refusal(sold.seller, offer_id=sold.offer_id) == "not_the_buyer"
    blocked = make_sale()
    block(blocked.seller, blocked.buyer)
    assert refusal(blocked.buyer, offer_id=blocked.offer_id) == "party_unavailable"
    hidden = make_product(status="hidden")
    assert refusal(buyer, hidden) == "product_not_found"
    assert Product.objects.get(pk=product.pk).status == "active"


def test_a_buyer_holds_at_most_five_products_unpaid() -> None:
    buyer, seller = make_user(), make_seller()
    orders = [place(buyer, make_product(seller=seller)) for _ in range(settings.ORDERS_UNPAID_MAX)]
    another = make_product(seller=seller)
    assert refusal(buyer, another) == "too_many_unpaid_orders"
    Order.objects.filter(pk=orders[0].pk).update(state=State.HANDED_OVER)
    assert place(buyer, another).state == "authorised"


def test_accepted_offers_count_as_unpaid_products_until_they_expire() -> None:
    buyer, seller = make_user(), make_seller()
    limit = settings.ORDERS_UNPAID_MAX
    sales = [make_sale(make_product(seller=seller), buyer=buyer) for _ in range(limit - 1)]
    place(buyer, make_product(seller=seller))
    another = make_product(seller=seller)
    assert refusal(buyer, another) == "too_many_unpaid_orders"
    assert place(buyer, offer_id=sales[0].offer_id).state == "authorised"  # its product is held already
    Transaction.objects.filter(pk=sales[1].pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert place(buyer, another).state == "authorised"


def test_an_offer_at_the_auto_accept_price_waits_for_the_seller_once_the_buyer_holds_too_much() -> None:
    buyer, seller = make_user(), make_seller()
    for _ in range(settings.ORDERS_UNPAID_MAX - 1):
        place(buyer, make_product(seller=seller))

    def offer_for_auto_accept() -> Offer:
        return make_offer(
            make_product(seller=seller, auto_accept_price=Decimal(800)), buyer=buyer, price="800"
        )

    assert offer_for_auto_accept().status == "accepted"
    waiting = offer_for_auto_accept()
    assert (waiting.status, waiting.product.status) == ("pending", "active")
    assert Notification.objects.filter(user=seller, kind="offer_new").count() == 1
    assert offer_for_auto_accept().status == "pending"
    assert accept_offer(actor=seller, offer_id=waiting.pk).status == "pending"  # by hand
    Order.objects.update(state=State.HANDED_OVER)
    assert offer_for_auto_accept().status == "accepted"


def test_a_counter_offer_at_the_auto_accept_price_waits_too() -> None:
    buyer, product = make_user(), make_product(auto_accept_price=Decimal(800))
    countered = make_counter(make_offer(product, buyer=buyer, price="750"), price="830")
    for _ in range(settings.ORDERS_UNPAID_MAX):
        place(buyer, make_product())
    assert make_counter(countered, price="810").status == "pending"


@pytest.mark.parametrize("method", ["card", "in_person"])
def test_nobody_buys_at_another_price_than_the_one_they_saw(method: str) -> None:
    product, buyer = make_product(price="9000.00"), make_user()
    make_account(product.seller)
    with pytest.raises(DomainError) as refused:
        place(buyer, product, payment_method=method, expected_price=Decimal("100.00"))
    assert (refused.value.code, refused.value.details) == (
        "price_changed",
        {"price": Decimal("9000.00"), "currency": "AED"},
    )
    product.refresh_from_db()
    assert (product.status, Order.objects.count(), Transaction.objects.count()) == ("active", 0, 0)
    assert place(buyer, product, payment_method=method, expected_price=Decimal(9000)).product == product


def test_the_expected_price_of_an_accepted_offer_is_what_was_agreed() -> None:
    sale = make_sale(make_product(price="850.00"), price="750.00")
    kept = Transaction.objects.get(pk=sale.pk).expires_at
    assert refusal(sale.buyer, offer_id=sale.offer_id, expected_price=Decimal(850)) == "price_changed"
    assert Transaction.objects.get(pk=sale.pk).expires_at == kept
    assert place(sale.buyer, offer_id=sale.offer_id, expected_price=Decimal("750.0")).state == "authorised"


def test_buying_closes_the_buyers_own_offer_and_answers_the_sellers() -> None:
    product, buyer = make_product(), make_user()
    offer = make_offer(product, buyer=buyer)
    place(buyer, product)
    offer.refresh_from_db()
    assert (offer.status, offer.close_reason) == ("withdrawn", "replaced")
