"""Creating and closing offers, with their history, events, chat messages and notifications.

The caller of every function has locked the product's row (`offers.access`) in its transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat.models import Conversation, Message
from chat.services import post_message
from chat.system_texts import declare_system_text, system_text
from listings.models import Product
from notifications.kinds import Kind
from notifications.services.inbox import mark_read_by_key
from notifications.services.notify import notify
from offers import access, events, fees
from offers import notification_kinds as kinds
from offers.models import Offer, OfferEvent, Transaction

Reason = Offer.CloseReason
OFFER_MADE = declare_system_text("offer_made", _("Offer: %(price)s"))
OFFER_ACCEPTED = declare_system_text("offer_accepted", _("Offer accepted: %(price)s"))
OFFER_DECLINED = declare_system_text("offer_declined", _("Offer declined: %(price)s"))
OFFER_WITHDRAWN = declare_system_text("offer_withdrawn", _("Offer withdrawn: %(price)s"))
SALE_CANCELLED = declare_system_text("sale_cancelled", _("Sale cancelled: %(price)s"))
_ANSWERS = (Reason.ACCEPTED, Reason.DECLINED)  # by the person to whom the offer was made


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
    auto_decline_at: datetime | None = None,
) -> Offer:
    """Create a pending offer, post it in the conversation and publish it to both sides."""
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
        fee_feed_type=fees.highest_fee_feed_type(
            fees.recent_feed_types(product, now)
            | access.recent_fee_feed_types(product, conversation.buyer_id, now)
        ),
        message=message,
        client_offer_id=client_offer_id,
        stream_id=product.live_stream_id or (parent.stream_id if parent else None),
        auto_decline_at=auto_decline_at,
        expires_at=now + settings.OFFER_TTL,
        created_at=now,
    )
    entry = OfferEvent.objects.create(
        offer=offer, kind=OfferEvent.Kind.CREATED, actor=made_by, created_at=now
    )
    events.publish_offer_event(offer, entry)
    content, translatable = system_text(OFFER_MADE, amount=price, currency=offer.currency)
    post_message(
        conversation=conversation,
        sender=made_by,
        message_type=Message.Type.OFFER,
        content=message or content,
        data={
            **(translatable if not message else {}),
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
    """Close locked offers with one status and reason, and publish the change to both sides of each.

    Takes two queries, however many offers there are.
    """
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
        if not offer.is_purchase:  # nobody had to answer it; its order has events of its own
            events.publish_offer_event(offer, entry, sale)
        if actor is not None and reason in _ANSWERS:  # so no push of it is sent any more
            mark_read_by_key(user_id=actor.pk, collapse_key=kinds.OFFER_NEW.key_for(_data(offer)))


def expire_offers(offers: Sequence[Offer], now: datetime) -> None:
    """Mark locked offers as expired and notify the users who made them."""
    close_offers(offers, status=Offer.Status.EXPIRED, reason=Reason.EXPIRED, actor=None, now=now)
    for offer in offers:
        notify_users(
            offer,
            [offer.made_by],
            kind=kinds.OFFER_EXPIRED,
        )


def decline_offers(
    offers: Sequence[Offer], *, reason: Offer.CloseReason, actor: User | None, now: datetime
) -> None:
    """Decline locked offers that can no longer be accepted; those past their expiry time expire instead."""
    due = [offer for offer in offers if offer.expires_at <= now]
    still_open = [offer for offer in offers if offer.expires_at > now]
    expire_offers(due, now)
    if not still_open:
        return
    close_offers(still_open, status=Offer.Status.DECLINED, reason=reason, actor=actor, now=now)
    product = still_open[0].product
    notify(
        user_ids=[offer.buyer_id for offer in still_open],
        kind=kinds.OFFER_CLOSED,
        params={"product": product.title},
        data={"product_id": str(product.pk)},
    )


def post_system_message(offer: Offer, sender: User | None, text: str) -> None:
    """Post a declared text about the offer; `sender` is None if a price rule of the seller decided."""
    content, translatable = system_text(text, amount=offer.offered_price, currency=offer.currency)
    post_message(
        conversation=offer.conversation,
        sender=sender,
        message_type=Message.Type.SYSTEM,
        content=content,
        data={"offer_id": str(offer.pk), "status": offer.status, **translatable},
    )


def notify_of_new_offer(offer: Offer) -> None:
    """Notify the other side of a new offer or counter-offer, in place of an unread notification of it."""
    notify_users(
        offer,
        [offer.recipient],
        kind=kinds.OFFER_COUNTERED if offer.parent_id else kinds.OFFER_NEW,
        actor=offer.made_by,
    )


def notify_of_withdrawal(offer: Offer) -> None:
    """Notify the other side that an offer was withdrawn, unless it was never notified of the offer."""
    if offer.auto_decline_at is None:
        notify_users(offer, [offer.recipient], kind=kinds.OFFER_WITHDRAWN, actor=offer.made_by)


def decline_by_recipient(
    offer: Offer, *, reason: Offer.CloseReason, actor: User | None, now: datetime
) -> None:
    """Decline a locked offer for its recipient, and notify its maker.

    `actor` is None if the seller's minimum price decided. The maker gets the same either way.
    """
    close_offers([offer], status=Offer.Status.DECLINED, reason=reason, actor=actor, now=now)
    post_system_message(offer, offer.recipient, OFFER_DECLINED)
    notify_users(
        offer,
        [offer.made_by],
        kind=kinds.OFFER_DECLINED,
        actor=offer.recipient,
    )


def notify_users(
    offer: Offer,
    users: Sequence[User],
    *,
    kind: Kind,
    actor: User | None = None,
) -> None:
    """Notify users about the offer."""
    notify(
        user_ids=[user.pk for user in users],
        kind=kind,
        params={
            **({"actor": f"@{actor.username}"} if actor else {}),
            "price": {"amount": str(offer.offered_price), "currency": offer.currency},
            "product": offer.product.title,
        },
        data=_data(offer),
        actor_id=actor.pk if actor else None,
    )


def _data(offer: Offer) -> dict[str, str]:
    return {
        "offer_id": str(offer.pk),
        "product_id": str(offer.product_id),
        "conversation_id": str(offer.conversation_id),
    }
