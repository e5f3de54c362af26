"""Factories of orders; they call the services, and move payments as a provider's answer would."""

import itertools
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.tests.factories import make_user
from listings.models import Product
from listings.tests.factories import make_product
from offers.models import Offer
from orders.access import lock_order
from orders.codes import plain_code
from orders.models import Order
from orders.services import buying, closing
from orders.services.hand_over import hand_over
from orders.services.timeline import move
from orders.tests.address_factories import make_address
from payments.access import lock_payment
from payments.models import Payment
from payments.selectors import latest_payment
from payments.services.advance.payments import move_payment
from payments.tests.factories import make_account
from soukloop.core.db.clock import database_now

_numbers = itertools.count(1)
State, Method = Order.State, Order.PaymentMethod


def make_order(
    product: Product | None = None,
    *,
    offer: Offer | None = None,
    buyer: User | None = None,
    payment_method: str = Method.IN_PERSON,
    delivery: str = Order.Delivery.MEET_UP,
    state: str | None = None,
) -> Order:
    """Order a product, or an accepted offer, and take the order to a state through the services.

    Without `state` it is as it was made: to be paid in person, AUTHORISED; by card, PENDING_PAYMENT. What is
    bought by card can be in any state, what is paid in person is never PAID or SHIPPED.
    """
    if offer is not None:
        product, buyer = offer.product, offer.buyer
    product = product or make_product()
    buyer = buyer or make_user(phone=f"+97150{next(_numbers):07d}")
    if payment_method == Method.CARD:
        make_account(product.seller, provider=settings.CARD_PROVIDER)
    address = make_address(buyer) if delivery == Order.Delivery.SHIPPING else None
    order = buying.place_order(
        actor=buyer,
        product_id=None if offer else product.pk,
        offer_id=offer.pk if offer else None,
        payment_method=payment_method,
        delivery=delivery,
        address_id=address.pk if address else None,
    )
    if state is not None:
        take_to(order, state)
    return order


def take_to(order: Order, state: str) -> None:
    """Take an order to a state that can follow its own, and refresh it."""
    match state:
        case State.AUTHORISED | State.PAID:
            pay(order, state)
        case State.HANDED_OVER:
            if order.payment_method == Method.CARD:
                pay(order)
            hand_over_with_code(order)
        case State.SHIPPED | State.DELIVERED:
            pay(order)
            _move(order, State.SHIPPED)
            if state == State.DELIVERED:
                _move(order, State.DELIVERED)
        case State.DISPUTED:
            take_to(order, State.HANDED_OVER)
            _move(order, State.DISPUTED)
        case State.COMPLETED:
            take_to(order, State.HANDED_OVER)
            closing.confirm_order(actor=order.buyer, order_id=order.pk)
        case State.CANCELLED:
            closing.cancel_order(actor=order.buyer, order_id=order.pk)
        case State.EXPIRED:
            with transaction.atomic():
                locked = lock_order(order.pk)
                buying.expire(locked, now=database_now())
        case State.REFUNDED | State.PARTIALLY_REFUNDED:
            take_to(order, State.COMPLETED)
            _move(order, state)
    order.refresh_from_db()
    order.transaction.refresh_from_db()
    order.product.refresh_from_db()


def pay(order: Order, state: str = State.PAID) -> None:
    """Let the provider say that the card of an order is authorised, and captured."""
    move_payment_of(order, Payment.State.AUTHORISED)
    if state == State.PAID:
        move_payment_of(order, Payment.State.CAPTURED)
    order.refresh_from_db()


def move_payment_of(order: Order, state: str, **fields: Any) -> Payment:
    """Move the last payment of an order as an answer of the provider would."""
    payment = latest_payment(order.pk)
    assert payment is not None
    with transaction.atomic():
        locked = lock_payment(payment.pk)
        move_payment(locked, state, **fields)
    return locked


def hand_over_with_code(order: Order) -> Order:
    """Hand an order over as its seller, with the buyer's code."""
    order.refresh_from_db()
    return hand_over(actor=order.seller, order_id=order.pk, code=plain_code(order.hand_over_code))


def _move(order: Order, state: str) -> None:
    with transaction.atomic():
        move(lock_order(order.pk), state, what=state, actor=None, now=database_now())
