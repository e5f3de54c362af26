"""Request and response shapes of offers and sales."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.models import User
from accounts.serializers.people import OtherUserOutput, other_user_body
from listings.serializers.products import ProductCardOutput, product_card
from offers.models import Offer, Transaction
from offers.selectors import MADE, RECEIVED
from soukloop.core.http.fields import IdField, PlainTextField
from soukloop.core.http.pagination import PageOutput
from soukloop.core.money import PRICE_DISPLAY, PriceField, price_display

ACCEPTED_MESSAGE = _("Offer accepted! Transaction created.")  # contract 3.7


class PriceInput(serializers.Serializer[None]):
    """The price and message of an offer or counter-offer."""

    offered_price = PriceField(help_text="At most the asking price")
    currency = serializers.ChoiceField(
        choices=settings.CURRENCIES,
        required=False,
        default=None,
        allow_null=True,
        help_text="Must be the product's currency",
    )
    message = PlainTextField(
        has_lines=True,
        max_length=1000,
        required=False,
        allow_blank=True,
        allow_null=True,
        default="",
        help_text="Shown to the other side",
    )
    client_offer_id = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        allow_null=True,
        default="",
        help_text="An id that the client chooses; repeating it returns the first offer with that id",
    )

    def validate_message(self, value: str | None) -> str:
        return value or ""

    def validate_client_offer_id(self, value: str | None) -> str:
        return value or ""


class OfferInput(PriceInput):
    product_id = IdField()


class OfferIdInput(serializers.Serializer[None]):
    """The data of a socket command about an offer."""

    offer_id = IdField()


class ProductIdInput(serializers.Serializer[None]):
    """The data of a socket command about a product."""

    product_id = IdField()


class CounterInput(OfferIdInput, PriceInput):
    """A counter-offer over a socket, where the data must name the offer because no URL does."""


class CancelInput(serializers.Serializer[None]):
    reason = PlainTextField(
        has_lines=True,
        max_length=500,
        required=False,
        allow_blank=True,
        allow_null=True,
        default="",
        help_text="Shown to staff only",
    )

    def validate_reason(self, value: str | None) -> str:
        return value or ""


class OffersQuery(serializers.Serializer[None]):
    direction = serializers.ChoiceField(
        choices=[MADE, RECEIVED], required=False, default=None, help_text="Made by you, or made to you"
    )
    product_id = IdField(required=False, default=None)
    status = serializers.ChoiceField(choices=Offer.Status.choices, required=False, default=None)


class TransactionsQuery(serializers.Serializer[None]):
    role = serializers.ChoiceField(
        choices=["buyer", "seller"], required=False, default=None, help_text="Your side of the transaction"
    )
    product_id = IdField(required=False, default=None)
    status = serializers.ChoiceField(choices=Transaction.Status.choices, required=False, default=None)


class OfferOutput(serializers.Serializer[None]):
    """An offer as one of its two sides sees it (contract 3.6)."""

    id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    buyer_id = serializers.UUIDField()
    seller_id = serializers.UUIDField()
    made_by = serializers.UUIDField(help_text="The buyer, or the seller if it is the seller's counter-offer")
    conversation_id = serializers.UUIDField()
    parent_id = serializers.UUIDField(allow_null=True, help_text="The offer this one counters")
    offered_price = serializers.FloatField()
    offered_price_display = serializers.CharField(help_text=PRICE_DISPLAY)
    original_price = serializers.FloatField(help_text="The asking price when the offer was made")
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    message = serializers.CharField()
    status = serializers.ChoiceField(choices=Offer.Status.choices)
    close_reason = serializers.ChoiceField(choices=Offer.CloseReason.choices, allow_null=True)
    stream_id = serializers.UUIDField(allow_null=True, help_text="The live stream it was made in")
    transaction_id = serializers.UUIDField(allow_null=True)
    client_offer_id = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    product = ProductCardOutput()
    other_user = OtherUserOutput()


class OfferPageOutput(PageOutput):
    items = OfferOutput(many=True)


class TransactionOutput(serializers.Serializer[None]):
    """A sale as one of its two sides sees it; the amounts never change after the offer was accepted."""

    id = serializers.UUIDField()
    offer_id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    buyer_id = serializers.UUIDField()
    seller_id = serializers.UUIDField()
    price = serializers.FloatField()
    price_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    fee_rate = serializers.FloatField(help_text="0.05 in the Community feed, 0.15 in Discover")
    platform_fee = serializers.FloatField()
    seller_payout = serializers.FloatField()
    status = serializers.ChoiceField(choices=Transaction.Status.choices)
    stream_id = serializers.UUIDField(allow_null=True)
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="Until when the buyer must order; null once there is an order"
    )
    paid_at = serializers.DateTimeField(allow_null=True, help_text="When it was paid or handed over")
    closed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    product = ProductCardOutput()
    other_user = OtherUserOutput()


class TransactionPageOutput(PageOutput):
    items = TransactionOutput(many=True)


def offer_body(offer: Offer, viewer: User, now: datetime) -> dict[str, Any]:
    """Return an offer as `OfferOutput` for one of its two sides, with its status at `now`."""
    status = offer.status_at(now)
    is_due = status != offer.status
    return {
        "id": offer.pk,
        "product_id": offer.product_id,
        "buyer_id": offer.buyer_id,
        "seller_id": offer.seller_id,
        "made_by": offer.made_by_id,
        "conversation_id": offer.conversation_id,
        "parent_id": offer.parent_id,
        "offered_price": offer.offered_price,
        "offered_price_display": price_display(offer.offered_price, offer.currency),
        "original_price": offer.original_price,
        "currency": offer.currency,
        "message": offer.message,
        "status": status,
        "close_reason": (Offer.CloseReason.EXPIRED if is_due else offer.close_reason_for(viewer) or None),
        "stream_id": offer.stream_id,
        "transaction_id": offer.sale.pk if offer.sale else None,
        "client_offer_id": (offer.client_offer_id or None) if viewer.pk == offer.made_by_id else None,
        "expires_at": offer.expires_at,
        "closed_at": offer.expires_at if is_due else offer.closed_at,
        "created_at": offer.created_at,
        "product": product_card(offer.product),
        "other_user": other_user_body(offer.seller if viewer.pk == offer.buyer_id else offer.buyer),
    }


def accepted_body(offer: Offer, viewer: User, now: datetime) -> dict[str, Any]:
    """Return an accepted offer, with the `message` that contract 3.7 prescribes."""
    return offer_body(offer, viewer, now) | {"message": str(ACCEPTED_MESSAGE)}


def transaction_body(sale: Transaction, viewer: User, now: datetime) -> dict[str, Any]:
    """Return a sale as `TransactionOutput` for one of its two sides, with its status at `now`."""
    status = sale.status_at(now)
    return {
        "id": sale.pk,
        "offer_id": sale.offer_id,
        "product_id": sale.product_id,
        "buyer_id": sale.buyer_id,
        "seller_id": sale.seller_id,
        "price": sale.price,
        "price_display": price_display(sale.price, sale.currency),
        "currency": sale.currency,
        "fee_rate": sale.fee_rate.normalize(),
        "platform_fee": sale.platform_fee,
        "seller_payout": sale.seller_payout,
        "status": status,
        "stream_id": sale.stream_id,
        "expires_at": sale.expires_at if status == Transaction.Status.PENDING else None,
        "paid_at": sale.paid_at,
        "closed_at": sale.closed_at if status == sale.status else sale.expires_at,
        "created_at": sale.created_at,
        "product": product_card(sale.product),
        "other_user": other_user_body(sale.seller if viewer.pk == sale.buyer_id else sale.buyer),
    }


class BadgesOutput(serializers.Serializer[None]):
    unread_messages = serializers.IntegerField()
    unread_notifications = serializers.IntegerField()
    open_offers = serializers.IntegerField(help_text="Those that wait for your answer")
    open_orders = serializers.IntegerField(help_text="Those that you are to pay, to hand over or to send")
