"""Socket events about offers, for the two sides of an offer and for everyone who watches its product."""

from datetime import datetime
from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from listings.hooks import rooms_showing
from listings.models import Product
from offers.models import Offer, OfferEvent, Transaction
from soukloop.core import jsonlib
from soukloop.realtime.events import EventSpec, declare_event, publish_on_commit
from soukloop.realtime.rooms import user_room

OFFER_EXAMPLE = {
    "offerId": "5c1f3d0a-8f0e-4b6e-9f43-0c7f4f0b8f11",
    "productId": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
    "conversationId": "7d2b6d0e-6f0e-4a52-9d0c-0f6f4a9d9c11",
    "buyerId": "2a9e2c50-07b5-4e0b-8a57-f1b1c1d0a001",
    "sellerId": "2a9e2c50-07b5-4e0b-8a57-f1b1c1d0a002",
    "madeBy": "2a9e2c50-07b5-4e0b-8a57-f1b1c1d0a001",
    "parentId": None,
    "offeredPrice": 700.00,
    "originalPrice": 850.00,
    "currency": "AED",
    "message": "My final offer",
    "status": "pending",
    "closeReason": None,
    "streamId": None,
    "transactionId": None,
    "expiresAt": "2025-10-19T10:00:00Z",
    "createdAt": "2025-10-18T10:00:00Z",
}
_AT = {"timestamp": "2025-10-18T10:00:00Z"}


class OfferStateOutput(serializers.Serializer[None]):
    """An offer as one of its two sides sees it, with the names of the contract's events."""

    offerId = serializers.UUIDField()
    productId = serializers.UUIDField()
    conversationId = serializers.UUIDField()
    buyerId = serializers.UUIDField()
    sellerId = serializers.UUIDField()
    madeBy = serializers.UUIDField(help_text="The buyer, or the seller if it is the seller's counter-offer")
    parentId = serializers.UUIDField(allow_null=True, help_text="The offer this one counters")
    offeredPrice = serializers.FloatField()
    originalPrice = serializers.FloatField(help_text="The asking price when the offer was made")
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    message = serializers.CharField()
    status = serializers.ChoiceField(choices=Offer.Status.choices)
    closeReason = serializers.ChoiceField(choices=Offer.CloseReason.choices, allow_null=True)
    streamId = serializers.UUIDField(allow_null=True, help_text="The live stream it was made in")
    transactionId = serializers.UUIDField(allow_null=True)
    expiresAt = serializers.DateTimeField()
    createdAt = serializers.DateTimeField()


class OfferEventOutput(OfferStateOutput):
    """An offer right after something happened to it."""

    timestamp = serializers.DateTimeField(help_text="When it happened")


class OfferFeedOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    streamId = serializers.UUIDField(allow_null=True, help_text="The live stream that shows the product")
    offeredPrice = serializers.FloatField()
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    status = serializers.ChoiceField(choices=Offer.Status.choices)
    timestamp = serializers.DateTimeField()


class ProductSoldOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    streamId = serializers.UUIDField(allow_null=True, help_text="The live stream that shows the product")
    price = serializers.FloatField()
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    timestamp = serializers.DateTimeField()


def closed_example(status: str, reason: str, **more: Any) -> dict[str, Any]:
    return OFFER_EXAMPLE | {"status": status, "closeReason": reason} | more


def _declare(name: str, doc: str, example: dict[str, Any]) -> EventSpec:
    return declare_event(EventSpec(name, doc, OfferEventOutput, example | _AT, rooms=("user",)))


def _declare_for_watchers(
    name: str, doc: str, output: type[serializers.Serializer[None]], example: dict[str, Any]
) -> EventSpec:
    rooms = ("product", "stream")
    return declare_event(EventSpec(name, doc, output, example | _AT, rooms=rooms, for_guests=True))


CREATED = _declare("offer:created", "Your offer or counter-offer was created.", OFFER_EXAMPLE)
NEW = _declare("offer:new", "You received an offer or a counter-offer.", OFFER_EXAMPLE)
ACCEPTED = _declare(
    "offer:accepted",
    "An offer was accepted: the product is sold. Sent to both sides.",
    closed_example("accepted", "accepted", transactionId="9a1c7c1c-2f5e-4f6a-8a8e-3f1f5b0c0d77"),
)
DECLINED = _declare(
    "offer:declined",
    "An offer was declined, by the other side or because the product is no longer available; `closeReason`"
    " says which. Sent to both sides.",
    closed_example("declined", "another_offer_accepted"),
)
COUNTERED = _declare(
    "offer:countered",
    "An offer was answered with a counter-offer, which follows as `offer:created` and `offer:new`. Sent to"
    " both sides.",
    closed_example("countered", "countered"),
)
WITHDRAWN = _declare(
    "offer:withdrawn",
    "An offer was withdrawn by the user who made it, or replaced by a newer one. Sent to both sides.",
    closed_example("withdrawn", "replaced"),
)
EXPIRED = _declare(
    "offer:expired", "An offer has expired. Sent to both sides.", closed_example("expired", "expired")
)
CANCELLED = _declare(
    "offer:cancelled",
    "The sale of an accepted offer was cancelled; the product is on sale again. Sent to both sides.",
    closed_example("cancelled", "sale_cancelled", transactionId="9a1c7c1c-2f5e-4f6a-8a8e-3f1f5b0c0d77"),
)
FEED = _declare_for_watchers(
    "offer:feed",
    "A price was offered or accepted for a product that you watch, or that is shown in a live stream you"
    " watch. The buyer is not named.",
    OfferFeedOutput,
    {
        "productId": OFFER_EXAMPLE["productId"],
        "streamId": None,
        "offeredPrice": 700.00,
        "currency": "AED",
        "status": "pending",
    },
)
PRODUCT_SOLD = _declare_for_watchers(
    "product:sold",
    "A product was sold. The buyer is not named.",
    ProductSoldOutput,
    {"productId": OFFER_EXAMPLE["productId"], "streamId": None, "price": 750.00, "currency": "AED"},
)

_CLOSING_EVENTS = {
    OfferEvent.Kind.ACCEPTED: ACCEPTED,
    OfferEvent.Kind.DECLINED: DECLINED,
    OfferEvent.Kind.COUNTERED: COUNTERED,
    OfferEvent.Kind.WITHDRAWN: WITHDRAWN,
    OfferEvent.Kind.EXPIRED: EXPIRED,
    OfferEvent.Kind.CANCELLED: CANCELLED,
}


def publish_offer_event(offer: Offer, entry: OfferEvent, sale: Transaction | None = None) -> None:
    """Publish an entry of the offer's history to both sides, on commit."""
    for user in (offer.buyer, offer.seller):
        if entry.kind == OfferEvent.Kind.CREATED:
            spec = CREATED if user.pk == offer.made_by_id else NEW
        else:
            spec = _CLOSING_EVENTS[OfferEvent.Kind(entry.kind)]
        data = offer_payload(offer, user, sale) | {"timestamp": jsonlib.isoformat(entry.created_at)}
        publish_on_commit(user_room(user.pk), spec.name, data)


def publish_offer_feed(offer: Offer, product: Product, at: datetime) -> None:
    """Publish an offered or accepted price to the product's and its live stream's room, without the buyer."""
    data = {
        "productId": product.pk,
        "streamId": product.live_stream_id,
        "offeredPrice": offer.offered_price,
        "currency": offer.currency,
        "status": offer.status,
        "timestamp": jsonlib.isoformat(at),
    }
    _publish_to_watchers(product, FEED, data)


def publish_product_sold(product: Product, sale: Transaction) -> None:
    """Publish a sale to the product's and its live stream's room, without the buyer."""
    data = {
        "productId": product.pk,
        "streamId": product.live_stream_id,
        "price": sale.price,
        "currency": sale.currency,
        "timestamp": jsonlib.isoformat(sale.created_at),
    }
    _publish_to_watchers(product, PRODUCT_SOLD, data)


def _publish_to_watchers(product: Product, spec: EventSpec, data: dict[str, Any]) -> None:
    for room in rooms_showing(product):
        publish_on_commit(room, spec.name, data)


def offer_payload(offer: Offer, viewer: User, sale: Transaction | None = None) -> dict[str, Any]:
    """Return an offer as one of its two sides sees it in socket events and acknowledgements."""
    return {
        "offerId": offer.pk,
        "productId": offer.product_id,
        "conversationId": offer.conversation_id,
        "buyerId": offer.buyer_id,
        "sellerId": offer.seller_id,
        "madeBy": offer.made_by_id,
        "parentId": offer.parent_id,
        "offeredPrice": offer.offered_price,
        "originalPrice": offer.original_price,
        "currency": offer.currency,
        "message": offer.message,
        "status": offer.status,
        "closeReason": offer.close_reason_for(viewer) or None,
        "streamId": offer.stream_id,
        "transactionId": sale.pk if sale else None,
        "expiresAt": jsonlib.isoformat(offer.expires_at),
        "createdAt": jsonlib.isoformat(offer.created_at),
    }
