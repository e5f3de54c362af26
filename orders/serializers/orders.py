"""Request and response shapes of orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from accounts.serializers.people import OtherUserOutput, other_user_body
from listings.serializers.products import ProductCardOutput, product_card
from orders.carriers import tracking_url
from orders.models import Order, OrderEvent
from orders.serializers.addresses import ShippingAddressOutput, shipping_address_body
from orders.states import Action, Side, actions_of, side_of
from payments.models import Payment
from payments.serializers import PaymentOutput, payment_body
from soukloop.core.http.fields import IdField, PlainTextField
from soukloop.core.http.pagination import PageOutput
from soukloop.core.money import PRICE_DISPLAY, PriceField, price_display

State = Order.State


class OrderInput(serializers.Serializer[None]):
    """What is bought, how it is paid and how it gets to the buyer."""

    product_id = IdField(required=False, default=None, help_text="To buy at the asking price")
    offer_id = IdField(
        required=False, default=None, help_text="Of an accepted offer, in place of the product"
    )
    payment_method = serializers.ChoiceField(choices=Order.PaymentMethod.choices)
    delivery = serializers.ChoiceField(
        choices=Order.Delivery.choices, help_text="`meet_up` if it is paid in person"
    )
    address_id = IdField(
        required=False, default=None, help_text="One of your addresses; needed for `shipping`"
    )
    expected_price = PriceField(
        required=False,
        default=None,
        allow_null=True,
        help_text="The price that the buyer saw; 409 `price_changed` if it is another one now",
    )


class PayInput(serializers.Serializer[None]):
    payment_method = serializers.ChoiceField(
        choices=Order.PaymentMethod.choices, required=False, default=None, help_text="To pay another way"
    )


class OrderCancelInput(serializers.Serializer[None]):
    reason = PlainTextField(
        has_lines=True,
        max_length=500,
        required=False,
        allow_blank=True,
        default="",
        help_text="Shown to staff only",
    )


class HandOverInput(serializers.Serializer[None]):
    code = serializers.RegexField(r"^[0-9]{6}$", help_text="The six digits that the buyer shows")


class OrdersQuery(serializers.Serializer[None]):
    state = serializers.ChoiceField(choices=State.choices, required=False, default=None)
    product_id = IdField(required=False, default=None)


class OrderOutput(serializers.Serializer[None]):
    """An order as one of its two sides sees it."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=State.choices)
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=[action.value for action in Action]),
        help_text="What you can do with it now",
    )
    side = serializers.ChoiceField(
        choices=[side.value for side in Side], help_text="Which of the two you are"
    )
    payment_method = serializers.ChoiceField(choices=Order.PaymentMethod.choices)
    delivery = serializers.ChoiceField(choices=Order.Delivery.choices)
    transaction_id = serializers.UUIDField()
    offer_id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    conversation_id = serializers.UUIDField()
    buyer_id = serializers.UUIDField()
    seller_id = serializers.UUIDField()
    price = serializers.FloatField()
    price_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    platform_fee = serializers.FloatField(allow_null=True, help_text="For the seller; null for the buyer")
    seller_payout = serializers.FloatField(allow_null=True, help_text="For the seller; null for the buyer")
    stream_id = serializers.UUIDField(allow_null=True, help_text="The live stream it was bought in")
    carrier = serializers.CharField(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)
    tracking_url = serializers.URLField(allow_null=True, help_text="The carrier's page, where one is known")
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="Until when it must be paid; null once it is"
    )
    completes_at = serializers.DateTimeField(allow_null=True, help_text="When it completes by itself")
    paid_at = serializers.DateTimeField(allow_null=True)
    handed_over_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True, help_text="When it was cancelled, or expired")
    created_at = serializers.DateTimeField()
    product = ProductCardOutput()
    other_user = OtherUserOutput()


class OrderPageOutput(PageOutput):
    items = OrderOutput(many=True)


class TimelineEntryOutput(serializers.Serializer[None]):
    """An entry of an order's timeline."""

    what = serializers.CharField(help_text="created, authorised, paid, handed_over, completed, cancelled, …")
    state = serializers.ChoiceField(choices=State.choices, help_text="The order's state afterwards")
    by = serializers.ChoiceField(
        choices=["buyer", "seller", "staff"], allow_null=True, help_text="Null for what happened by itself"
    )
    at = serializers.DateTimeField()


class OrderDetailOutput(OrderOutput):
    """An order with everything that one of its two sides sees of it."""

    payment = PaymentOutput(allow_null=True, help_text="The last one, for the buyer; null for the seller")

    shipping_address = ShippingAddressOutput(
        allow_null=True, help_text="For the seller, while a paid order is sent to it"
    )
    hand_over_code = serializers.CharField(
        allow_null=True, help_text="Six digits to show to the seller; for the buyer, while they can be used"
    )
    code_locked_until = serializers.DateTimeField(
        allow_null=True, help_text="After five wrong codes, until when none is taken"
    )
    timeline = TimelineEntryOutput(many=True)


def order_body(order: Order, viewer: User, now: datetime) -> dict[str, Any]:
    """Return an order as `OrderOutput` for one of its two sides, with its state at `now`."""
    sale, side, state = order.transaction, side_of(order, viewer), order.state_at(now)
    is_seller = side == Side.SELLER
    return {
        "id": order.pk,
        "state": state,
        "actions": actions_of(order, side, now),
        "side": side,
        "payment_method": order.payment_method,
        "delivery": order.delivery,
        "transaction_id": sale.pk,
        "offer_id": sale.offer_id,
        "product_id": order.product_id,
        "conversation_id": sale.offer.conversation_id,
        "buyer_id": order.buyer_id,
        "seller_id": order.seller_id,
        "price": sale.price,
        "price_display": price_display(sale.price, sale.currency),
        "currency": sale.currency,
        "platform_fee": sale.platform_fee if is_seller else None,
        "seller_payout": sale.seller_payout if is_seller else None,
        "stream_id": sale.stream_id,
        "carrier": order.carrier or None,
        "tracking_number": order.tracking_number or None,
        "tracking_url": tracking_url(order.carrier, order.tracking_number),
        "expires_at": order.expires_at if state == State.PENDING_PAYMENT else None,
        "completes_at": order.completes_at,
        "paid_at": sale.paid_at,
        "handed_over_at": order.handed_over_at,
        "shipped_at": order.shipped_at,
        "delivered_at": order.delivered_at,
        "completed_at": order.completed_at,
        "closed_at": order.closed_at if state == order.state else order.expires_at,
        "created_at": order.created_at,
        "product": product_card(order.product),
        "other_user": other_user_body(order.buyer if is_seller else order.seller),
    }


def order_detail_body(
    order: Order,
    payment: Payment | None,
    timeline: Sequence[OrderEvent],
    viewer: User,
    now: datetime,
    *,
    code: str | None,
) -> dict[str, Any]:
    """Return an order as `OrderDetailOutput`; `code` is what this viewer may see of the hand-over code."""
    is_buyer = viewer.pk == order.buyer_id
    return order_body(order, viewer, now) | {
        "payment": payment_body(payment, viewer) if payment is not None and is_buyer else None,
        "shipping_address": shipping_address_body(order, viewer),
        "hand_over_code": code,
        "code_locked_until": order.code_locked_until,
        "timeline": [
            {
                "what": entry.what,
                "state": entry.state,
                "by": _author(order, entry),
                "at": entry.created_at,
            }
            for entry in timeline
        ],
    }


def _author(order: Order, entry: OrderEvent) -> str | None:
    match entry.actor_id:
        case None:
            return None
        case order.buyer_id:
            return "buyer"
        case order.seller_id:
            return "seller"
    return "staff"
