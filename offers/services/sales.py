"""Creating the sale of an accepted offer, and cancelling it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import User
from listings.fees import fee_and_payout, fee_rate
from listings.models import Product
from listings.services import mark_sold, put_back_on_sale
from offers import access, events, fees, rules, states
from offers import notification_kinds as kinds
from offers.models import Offer, Transaction
from offers.services import effects
from soukloop.core.db.clock import database_now

Status, Reason = Offer.Status, Offer.CloseReason


def conclude_sale(offer: Offer, *, actor: User | None, now: datetime) -> Transaction:
    """Accept a locked, pending offer: create the sale, decline the other offers, notify all sides.

    `actor` is None if the seller's auto-accept price decided. Raises Conflict
    (`product_not_available`, `price_lowered`, `party_unavailable`).
    """
    product = offer.product
    rules.require_on_sale(product)
    rules.require_price_not_lowered(offer)
    rules.require_open_account(offer.buyer)
    rules.require_open_account(offer.seller)

    sale = _create_sale(offer, now)
    effects.close_offers(
        [offer], status=Status.ACCEPTED, reason=Reason.ACCEPTED, actor=actor, now=now, sale=sale
    )
    others = [other for other in access.lock_open_offers(product) if other.pk != offer.pk]
    effects.decline_offers(others, reason=Reason.ANOTHER_ACCEPTED, actor=actor, now=now)
    mark_sold(product=product, notified=[offer.buyer_id, *(other.buyer_id for other in others)])
    events.publish_offer_feed(offer, product, now)
    events.publish_product_sold(product, sale)

    effects.post_system_message(offer, actor, effects.OFFER_ACCEPTED)
    recipients = [user for user in (offer.buyer, offer.seller) if user != actor]
    effects.notify_users(
        offer,
        recipients,
        kind=kinds.OFFER_ACCEPTED,
        actor=actor,
    )
    return sale


def cancel_transaction(*, actor: User, transaction_id: UUID, reason: str = "") -> Transaction:
    """Cancel a pending sale as buyer or seller; the product is on sale again unless it was hidden or deleted.

    If the seller has no room for another active product, it waits as an inactive one.

    Raises NotFound, and Conflict (`transaction_cancelled`, `transaction_completed`).
    """
    now = database_now()
    with transaction.atomic():
        sale = access.lock_transaction_of(actor, transaction_id)
        states.require_cancellable(sale)
        offer = sale.offer
        target = states.status_after(states.Action.CANCEL, offer, actor, now)
        sale.status, sale.closed_at, sale.closed_by, sale.close_reason = (
            Transaction.Status.CANCELLED,
            now,
            actor,
            reason,
        )
        sale.save(update_fields=["status", "closed_at", "closed_by", "close_reason"])
        effects.close_offers(
            [offer], status=target, reason=Reason.SALE_CANCELLED, actor=actor, now=now, sale=sale
        )
        if sale.product.sold_at is not None:
            put_back_on_sale(product=sale.product)
        effects.post_system_message(offer, actor, effects.SALE_CANCELLED)
        other = sale.seller if actor.pk == sale.buyer_id else sale.buyer
        effects.notify_users(
            offer,
            [other],
            kind=kinds.SALE_CANCELLED,
            actor=None,
        )
        if sale.product.status == Product.Status.INACTIVE:
            effects.notify_users(
                offer,
                [sale.seller],
                kind=kinds.PRODUCT_INACTIVE,
            )
        return sale


def _create_sale(offer: Offer, now: datetime) -> Transaction:
    """Create the sale with the current fee rate, which later changes of the rates don't affect.

    The rate is that of the product's feed, or of the feed in which the offer was made if that is higher: the
    seller may have moved the product to the cheaper feed before accepting.
    """
    product = offer.product
    feed_type = fees.highest_fee_feed_type([product.feed_type, offer.fee_feed_type])
    fee, payout = fee_and_payout(offer.offered_price, feed_type)
    return Transaction.objects.create(
        offer=offer,
        product=product,
        buyer=offer.buyer,
        seller=offer.seller,
        price=offer.offered_price,
        currency=offer.currency,
        fee_rate=fee_rate(feed_type),
        platform_fee=fee,
        seller_payout=payout,
        stream_id=offer.stream_id or product.live_stream_id,
        created_at=now,
    )
