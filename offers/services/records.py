"""What each change of an offer leaves behind: the row, a line of history, the events, words in the chat.

Called with the product locked (`offers.access`), inside the caller's transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from accounts.models import User
from chat.models import Conversation, Message
from chat.services import post_message
from listings.models import Product
from notifications.services import notify
from offers import events
from offers.models import Offer, OfferEvent, Transaction

Reason = Offer.CloseReason


def open_offer(
    *,
    product: Product,
    conversation: Conversation,
    made_by: User,
    price: Decimal,
    message: str,
    now: datetime,
    parent: Offer | None = None,
    client_offer_id: str = "",
) -> Offer:
    """Write a pending offer, put it into the conversation and tell the two sides."""
    offer = Offer.objects.create(
        product=product,
        buyer=conversation.buyer,
        seller=conversation.seller,
        made_by=made_by,
        conversation=conversation,
        parent=parent,
        offered_price=price,
        original_price=product.price,
        currency=product.currency,
        message=message,
        client_offer_id=client_offer_id,
        stream_id=product.live_stream_id or (parent.stream_id if parent else None),
        expires_at=now + settings.OFFER_TTL,
        created_at=now,
    )
    entry = OfferEvent.objects.create(
        offer=offer, kind=OfferEvent.Kind.CREATED, actor=made_by, created_at=now
    )
    events.announce(offer, entry)
    post_message(
        conversation=conversation,
        sender=made_by,
        message_type=Message.Type.OFFER,
        content=message or f"Offer: {amount(offer)}",
        data={
            "offer_id": str(offer.pk),
            "offered_price": str(offer.offered_price),
            "currency": offer.currency,
            "parent_id": str(parent.pk) if parent else None,
        },
    )
    return offer


def close_offers(
    offers: Sequence[Offer],
    *,
    status: Offer.Status,
    reason: Offer.CloseReason,
    actor: User | None,
    now: datetime,
    sale: Transaction | None = None,
) -> None:
    """Write the same end for locked offers in two queries, however many, and tell their sides."""
    if not offers:
        return
    for offer in offers:
        offer.status, offer.close_reason, offer.closed_at = status, reason, now
    Offer.objects.bulk_update(offers, ["status", "close_reason", "closed_at"])
    entries = OfferEvent.objects.bulk_create(
        OfferEvent(offer=offer, kind=status.value, actor=actor, reason=reason, created_at=now)
        for offer in offers
    )
    for offer, entry in zip(offers, entries, strict=True):
        events.announce(offer, entry, sale)


def expire_offers(offers: Sequence[Offer], now: datetime) -> None:
    """Write down that the time of locked offers is over."""
    close_offers(offers, status=Offer.Status.EXPIRED, reason=Reason.EXPIRED, actor=None, now=now)
    for offer in offers:
        tell(offer, [offer.made_by], kind="offer_expired", title=f"Your offer of {amount(offer)} has expired")


def decline_all(
    offers: Sequence[Offer], *, reason: Offer.CloseReason, actor: User | None, now: datetime
) -> None:
    """Decline locked offers together, for a reason that isn't theirs; those past their time expire."""
    due = [offer for offer in offers if offer.expires_at <= now]
    still_open = [offer for offer in offers if offer.expires_at > now]
    expire_offers(due, now)
    if not still_open:
        return
    close_offers(still_open, status=Offer.Status.DECLINED, reason=reason, actor=actor, now=now)
    product = still_open[0].product
    notify(
        user_ids=[offer.buyer_id for offer in still_open],
        kind="offer_declined",
        title="Your offer was closed: the product is no longer available",
        body=product.title,
        data={"product_id": str(product.pk)},
    )


def say(offer: Offer, sender: User | None, words: str) -> None:
    """Put a line about the offer into its conversation; nobody's where a rule of the seller's decided."""
    post_message(
        conversation=offer.conversation,
        sender=sender,
        message_type=Message.Type.SYSTEM,
        content=words,
        data={"offer_id": str(offer.pk), "status": offer.status},
    )


def tell(offer: Offer, users: Sequence[User], *, kind: str, title: str, actor: User | None = None) -> None:
    """Write to the inboxes of these people."""
    notify(
        user_ids=[user.pk for user in users],
        kind=kind,
        title=title,
        body=offer.product.title,
        data={
            "offer_id": str(offer.pk),
            "product_id": str(offer.product_id),
            "conversation_id": str(offer.conversation_id),
        },
        actor_id=actor.pk if actor else None,
    )


def amount(offer: Offer) -> str:
    return f"{offer.currency} {offer.offered_price}"
