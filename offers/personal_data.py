"""What an export of a person's data has of offers and sales."""

from django.db.models import Q

from offers.models import Offer, OfferEvent, Transaction
from soukloop.core.personal_data import PersonalTable, owned_by

_OFFER = (
    *("id", "product", "product__title", "offered_price", "original_price", "currency", "is_purchase"),
    *("status", "expires_at", "closed_at", "created_at"),
)
_SALE = (
    "id",
    "product",
    "product__title",
    "price",
    "currency",
    "status",
    "created_at",
    "paid_at",
    "closed_at",
)

TABLES = [
    PersonalTable("offers_made", Offer, owned_by("made_by"), (*_OFFER, "message")),
    PersonalTable(
        "offers_received",
        Offer,
        lambda user_id: (Q(buyer=user_id) | Q(seller=user_id)) & ~Q(made_by=user_id),
        _OFFER,
    ),
    PersonalTable(
        "steps_of_offers", OfferEvent, owned_by("actor"), ("offer", "kind", "reason", "created_at")
    ),
    PersonalTable("purchases", Transaction, owned_by("buyer"), _SALE),
    PersonalTable(
        "sales", Transaction, owned_by("seller"), (*_SALE, "fee_rate", "platform_fee", "seller_payout")
    ),
]
