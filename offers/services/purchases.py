"""Buying a product at its asking price: an offer that is accepted at once, and its sale."""

from datetime import datetime

from accounts.models import User
from chat.services import open_conversation
from listings.models import Product
from offers import access, fees
from offers.models import Offer, OfferEvent, Transaction
from offers.services import effects
from offers.services.negotiation import close_standing_offer
from offers.services.sales import create_sale


def purchase(*, product: Product, buyer: User, now: datetime) -> Transaction:
    """Create the accepted offer and the sale of a purchase; nobody is notified of them.

    The caller has locked the product, has found that the buyer may buy it, and reserves it. The buyer's own
    open offer is closed; those of others stay open until `decline_rivals`.
    """
    conversation, _ = open_conversation(actor=buyer, other_user_id=product.seller_id, product_id=product.pk)
    parent = close_standing_offer(product, buyer, now)
    offer = Offer.objects.create(
        product=product,
        buyer=conversation.buyer,
        seller=conversation.seller,
        made_by=buyer,
        conversation=conversation,
        parent=parent,
        offered_price=product.price,
        original_price=product.price,
        currency=product.currency,
        fee_feed_type=fees.highest_fee_feed_type(
            fees.recent_feed_types(product, now) | access.recent_fee_feed_types(product, buyer.pk, now)
        ),
        is_purchase=True,
        status=Offer.Status.ACCEPTED,
        close_reason=Offer.CloseReason.ACCEPTED,
        stream_id=product.live_stream_id or (parent.stream_id if parent else None),
        expires_at=now,
        closed_at=now,
        created_at=now,
    )
    OfferEvent.objects.bulk_create(
        OfferEvent(offer=offer, kind=kind, actor=buyer, created_at=now)
        for kind in (OfferEvent.Kind.CREATED, OfferEvent.Kind.ACCEPTED)
    )
    return create_sale(offer, now, expires_at=None)


def decline_rivals(sale: Transaction, *, now: datetime) -> list[User]:
    """Decline the open offers of others on the product of a locked sale; return the people who made them."""
    offers = access.lock_open_offers(sale.product)
    effects.decline_offers(offers, reason=Offer.CloseReason.ANOTHER_ACCEPTED, actor=None, now=now)
    return [offer.buyer for offer in offers]
