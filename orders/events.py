"""Socket events about orders, for their two sides."""

from datetime import datetime
from typing import Any

from django.conf import settings
from rest_framework import serializers

from orders.models import Order
from soukloop.core import jsonlib
from soukloop.realtime.events import EventSpec, declare_event, publish_on_commit
from soukloop.realtime.rooms import user_room


class OrderEventOutput(serializers.Serializer[None]):
    """An order right after something happened to it."""

    orderId = serializers.UUIDField()
    productId = serializers.UUIDField()
    transactionId = serializers.UUIDField()
    conversationId = serializers.UUIDField()
    buyerId = serializers.UUIDField()
    sellerId = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Order.State.choices)
    what = serializers.CharField(
        help_text="What happened, as in the order's timeline: created, paid, handed_over, cancelled, …"
    )
    paymentMethod = serializers.ChoiceField(choices=Order.PaymentMethod.choices)
    delivery = serializers.ChoiceField(choices=Order.Delivery.choices)
    price = serializers.FloatField()
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    streamId = serializers.UUIDField(allow_null=True, help_text="The live stream it was bought in")
    expiresAt = serializers.DateTimeField(
        allow_null=True, help_text="Until when it must be paid; null once it is"
    )
    timestamp = serializers.DateTimeField(help_text="When it happened")


_EXAMPLE = {
    "orderId": "3f0b7a52-6d0e-4a0c-9a8e-1c1f4b0c0d21",
    "productId": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
    "transactionId": "9a1c7c1c-2f5e-4f6a-8a8e-3f1f5b0c0d77",
    "conversationId": "7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11",
    "buyerId": "2a9e2c50-07b5-4e0b-8a57-f1b1c1d0a001",
    "sellerId": "2a9e2c50-07b5-4e0b-8a57-f1b1c1d0a002",
    "state": "pending_payment",
    "what": "created",
    "paymentMethod": "card",
    "delivery": "meet_up",
    "price": 850.00,
    "currency": "AED",
    "streamId": None,
    "expiresAt": "2025-10-18T10:15:00Z",
    "timestamp": "2025-10-18T10:00:00Z",
}
CREATED = declare_event(
    EventSpec(
        "order:created",
        "An order was made. Sent to both sides.",
        OrderEventOutput,
        _EXAMPLE,
        rooms=("user",),
    )
)
UPDATED = declare_event(
    EventSpec(
        "order:updated",
        "Something happened to an order; `what` says what, and `state` is its state afterwards. Sent to both"
        " sides.",
        OrderEventOutput,
        _EXAMPLE | {"state": "paid", "what": "paid", "expiresAt": None},
        rooms=("user",),
    )
)


def publish_order_event(order: Order, what: str, at: datetime) -> None:
    """Publish what happened to an order to both sides, on commit."""
    spec = CREATED if what == "created" else UPDATED
    data = order_payload(order, what, at)
    for user_id in (order.buyer_id, order.seller_id):
        publish_on_commit(user_room(user_id), spec.name, data)


def order_payload(order: Order, what: str, at: datetime) -> dict[str, Any]:
    """Return an order as its two sides see it in socket events."""
    sale = order.transaction
    return {
        "orderId": order.pk,
        "productId": order.product_id,
        "transactionId": sale.pk,
        "conversationId": sale.offer.conversation_id,
        "buyerId": order.buyer_id,
        "sellerId": order.seller_id,
        "state": order.state,
        "what": what,
        "paymentMethod": order.payment_method,
        "delivery": order.delivery,
        "price": sale.price,
        "currency": sale.currency,
        "streamId": sale.stream_id,
        "expiresAt": jsonlib.isoformat(order.expires_at) if order.expires_at else None,
        "timestamp": jsonlib.isoformat(at),
    }
