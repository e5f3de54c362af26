"""Creating the sale of an accepted offer, cancelling it, and expiring those without an order."""

import logging
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q

from accounts.models import User
from listings.fees import fee_and_payout, fee_rate
from listings.models import Product
from listings.services import mark_sold, put_back_on_sale, release_reservation
from offers import access, events, fees, hooks, rules, states
from offers import notification_kinds as kinds
from offers.models import Offer, Transaction
from offers.services import effects
from soukloop.core.db.clock import database_now

logger = logging.getLogger(__name__)
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

    sale = create_sale(offer, now, expires_at=now + settings.ORDER_OFFER_RESERVED_FOR)
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
    """Cancel a sale as buyer or seller, with its order; see `cancel_sale` for what becomes of the product.

    Raises NotFound, and Conflict (`transaction_…`, or `order_…` if it is too late for its order).
    """
    now = database_now()
    with transaction.atomic():
        sale = access.lock_transaction_of(actor, transaction_id)
        if not any(hooks.sale_cancellation(sale, actor, reason)):
            states.require_cancellable(sale, now)
            cancel_sale(sale, actor=actor, reason=reason, now=now)
            other = sale.seller if actor.pk == sale.buyer_id else sale.buyer
            effects.notify_users(sale.offer, [other], kind=kinds.SALE_CANCELLED)
        return sale


def cancel_sale(sale: Transaction, *, actor: User | None, reason: str, now: datetime) -> None:
    """Cancel a locked sale; `actor` is None where it was not paid in time. Nobody is notified of that.

    The product is on sale again unless it was hidden or deleted. If the seller has no room for another active
    product, it waits as an inactive one, and the seller is notified.
    """
    offer, product = sale.offer, sale.product
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
    if product.reserved_at is not None:
        release_reservation(product=product)
    elif product.sold_at is not None:
        put_back_on_sale(product=product)
    effects.post_system_message(offer, actor, effects.SALE_CANCELLED)
    if product.status == Product.Status.INACTIVE:
        effects.notify_users(offer, [sale.seller], kind=kinds.PRODUCT_INACTIVE)


def expire_due_sales() -> int:
    """Cancel the sales that were not ordered in time, and notify both sides of each; return how many."""
    expired = 0
    due = Transaction.objects.due_at(database_now())
    for sale_id, product_id, offer_id in due.order_by("expires_at").values_list(
        "pk", "product_id", "offer_id"
    ):
        try:
            expired += expire_sale(sale_id, product_id, offer_id)
        except OperationalError as error:  # the product's row was locked for too long; the next run retries
            logger.warning("expiring sale %s failed: %s", sale_id, error)
    return expired


def cancel_unordered_sales_of(user_id: UUID) -> int:
    """Cancel the sales of a closed account that nobody has ordered yet; return how many."""
    cancelled = 0
    unordered = Transaction.objects.filter(
        Q(buyer_id=user_id) | Q(seller_id=user_id),
        status=Transaction.Status.PENDING,
        expires_at__isnull=False,
    )
    for sale_id, product_id, offer_id in unordered.values_list("pk", "product_id", "offer_id"):
        with transaction.atomic():
            sale = access.lock_sale(sale_id, product_id=product_id, offer_id=offer_id)
            if not unordered.filter(pk=sale_id).exists():  # ordered, cancelled or expired meanwhile
                continue
            cancel_sale(sale, actor=None, reason="account_closed", now=database_now())
            other = sale.seller if user_id == sale.buyer_id else sale.buyer
            effects.notify_users(sale.offer, [other], kind=kinds.SALE_CANCELLED)
            cancelled += 1
    return cancelled


def expire_sale(sale_id: UUID, product_id: UUID, offer_id: UUID) -> bool:
    """Cancel a sale that was not ordered in time, and notify both sides; return whether it was still due."""
    with transaction.atomic():
        sale = access.lock_sale(sale_id, product_id=product_id, offer_id=offer_id)
        now = database_now()
        is_due = sale.status == Transaction.Status.PENDING and sale.status_at(now) != sale.status
        if is_due:
            cancel_sale(sale, actor=None, reason="", now=now)
            effects.notify_users(sale.offer, [sale.buyer, sale.seller], kind=kinds.SALE_EXPIRED)
        return is_due


def create_sale(offer: Offer, now: datetime, *, expires_at: datetime | None) -> Transaction:
    """Create the sale with the current fee rate, which later changes of the rates don't affect.

    The rate is the highest of the feeds in which the product was lately, and of that in which the offer was
    made: the seller may have moved the product to the cheaper feed before accepting.
    """
    product = offer.product
    feed_type = fees.highest_fee_feed_type({*fees.recent_feed_types(product, now), offer.fee_feed_type})
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
        expires_at=expires_at,
        created_at=now,
    )
