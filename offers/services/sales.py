"""The sale that an accepted offer becomes, and its end."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from listings.fees import fee_and_payout, fee_rate
from listings.services import mark_sold, put_back_on_sale
from offers import access, events, rules, states
from offers.models import Offer, Transaction
from offers.services import records

Status, Reason = Offer.Status, Offer.CloseReason


def conclude_sale(offer: Offer, *, actor: User | None, now: datetime) -> Transaction:
    """Make a locked, open offer the one that wins: write the sale, end the rivals, tell everybody.

    `actor` is nobody where the seller's auto-accept price decided. Raises Conflict
    (`product_not_available`, `price_lowered`, `party_unavailable`).
    """
    product = offer.product
    rules.require_on_sale(product)
    rules.require_price_still_fair(offer)
    rules.require_counterpart(offer.buyer)
    rules.require_counterpart(offer.seller)

    sale = _open_sale(offer, now)
    records.close_offers(
        [offer], status=Status.ACCEPTED, reason=Reason.ACCEPTED, actor=actor, now=now, sale=sale
    )
    rivals = [rival for rival in access.lock_open_offers(product) if rival.pk != offer.pk]
    records.decline_all(rivals, reason=Reason.ANOTHER_ACCEPTED, actor=actor, now=now)
    mark_sold(product=product)
    events.feed(offer, product, now)
    events.product_sold(product, sale)

    records.say(offer, actor, f"Offer accepted: {records.amount(offer)}")
    both = [user for user in (offer.buyer, offer.seller) if user != actor]
    records.tell(
        offer, both, kind="offer_accepted", title=f"Offer of {records.amount(offer)} accepted", actor=actor
    )
    return sale


def cancel_transaction(*, actor: User, transaction_id: UUID, reason: str = "") -> Transaction:
    """Call a pending sale off, by either side; the product is on sale again unless it was withdrawn since.

    Raises NotFound, and Conflict (`transaction_cancelled`, `transaction_completed`).
    """
    now = timezone.now()
    with transaction.atomic():
        sale = access.lock_transaction_of(actor, transaction_id)
        states.require_cancellable(sale)
        offer = sale.offer
        target = states.target_of(states.Act.CANCEL, offer, actor, now)
        sale.status, sale.closed_at, sale.closed_by, sale.close_reason = (
            Transaction.Status.CANCELLED,
            now,
            actor,
            reason,
        )
        sale.save(update_fields=["status", "closed_at", "closed_by", "close_reason"])
        records.close_offers(
            [offer], status=target, reason=Reason.SALE_CANCELLED, actor=actor, now=now, sale=sale
        )
        if sale.product.sold_at is not None:
            put_back_on_sale(product=sale.product)
        records.say(offer, actor, f"Sale cancelled: {records.amount(offer)}")
        other = sale.seller if actor.pk == sale.buyer_id else sale.buyer
        records.tell(
            offer,
            [other],
            kind="sale_cancelled",
            title=f"Sale for {records.amount(offer)} cancelled",
            actor=None,
        )
        return sale


def _open_sale(offer: Offer, now: datetime) -> Transaction:
    """Write the sale with the fee of this moment: later changes of the rates don't touch it."""
    product = offer.product
    fee, payout = fee_and_payout(offer.offered_price, product.feed_type)
    return Transaction.objects.create(
        offer=offer,
        product=product,
        buyer=offer.buyer,
        seller=offer.seller,
        price=offer.offered_price,
        currency=offer.currency,
        fee_rate=fee_rate(product.feed_type),
        platform_fee=fee,
        seller_payout=payout,
        stream_id=offer.stream_id or product.live_stream_id,
        created_at=now,
    )
