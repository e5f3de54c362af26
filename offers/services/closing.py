"""Closing unanswered offers: expired ones, and those whose product or account became unavailable."""

import logging
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q

from accounts.models import User
from listings.models import Product
from offers import access, rules
from offers import notification_kinds as kinds
from offers.models import Offer
from offers.services import effects
from offers.services.sales import cancel_unordered_sales_of
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

logger = logging.getLogger(__name__)
Reason = Offer.CloseReason


def expire_due_offers() -> int:
    """Mark due offers as expired and publish the change, one product at a time; return how many."""
    expired = 0
    due = Offer.objects.due_at(database_now())
    for product_id in due.order_by("product_id").values_list("product_id", flat=True).distinct():
        try:
            expired += _expire_offers_on(product_id)
        except OperationalError as error:  # the product's row was locked for too long; the next run retries
            logger.warning("expiring offers on product %s failed: %s", product_id, error)
    return expired


def decline_offers_below_minimum() -> int:
    """Decline the offers whose `auto_decline_at` has passed, one product at a time; return how many.

    An offer that meets the seller's minimum price by now stays open, and the seller is notified of it.
    """
    declined = 0
    due = Offer.objects.auto_declined_by(database_now())
    for product_id in due.order_by("product_id").values_list("product_id", flat=True).distinct():
        try:
            declined += _decline_below_minimum_on(product_id)
        except OperationalError as error:  # the product's row was locked for too long; the next run retries
            logger.warning("declining offers on product %s failed: %s", product_id, error)
    return declined


def remind_of_expiring_offers() -> int:
    """Notify the recipient once when OFFER_REMINDER_BEFORE is left to answer; return how many offers."""
    now = database_now()
    soon = Offer.objects.open_at(now).filter(
        reminded_at=None, auto_decline_at=None, expires_at__lte=now + settings.OFFER_REMINDER_BEFORE
    )
    reminded = 0
    for offer in soon.select_related("product", "buyer", "seller").order_by("expires_at", "id"):
        with transaction.atomic():
            # The UPDATE checks again: the offer may have been answered, or another worker may have reminded.
            if not soon.filter(pk=offer.pk).update(reminded_at=now):
                continue
            effects.notify_users(
                offer,
                [offer.recipient],
                kind=kinds.OFFER_EXPIRING,
            )
            reminded += 1
    return reminded


def close_offers_of_product(product: Product, reason: str) -> None:
    """Decline the pending offers on a product that was withdrawn; the caller has locked the product."""
    effects.decline_offers(
        access.lock_open_offers(product),
        reason=Reason.PRODUCT_UNAVAILABLE,
        actor=None,
        now=database_now(),
    )


def enqueue_closing_for_account(user: User) -> None:
    """Enqueue a job that declines the pending offers to and from a closed account."""
    enqueue("offers.close_for_people", user_id=str(user.pk))


def enqueue_closing_between(blocker_id: UUID, blocked_id: UUID) -> None:
    """Enqueue a job that declines the pending offers between two users, one of whom blocked the other."""
    enqueue("offers.close_for_people", user_id=str(blocker_id), other_id=str(blocked_id))


def close_offers_for_people(user_id: UUID, other_id: UUID | None = None) -> int:
    """Decline a user's pending offers, or only those with the other user; return how many.

    Of a closed account, the sales that nobody has ordered yet are cancelled too: a block keeps them.
    Runs as a job, with one transaction per product: a ban or a block already holds other locks, and two
    transactions that each lock several products could deadlock. These offers can't be accepted before the job
    runs, because accepting checks the accounts and the block.
    """
    closed = 0
    parties = Q(buyer_id=user_id) | Q(seller_id=user_id)
    if other_id is not None:
        parties &= Q(buyer_id=other_id) | Q(seller_id=other_id)
    open_offers = Offer.objects.filter(parties, status=Offer.Status.PENDING)
    for product_id in sorted(set(open_offers.values_list("product_id", flat=True))):
        with transaction.atomic():
            product = access.lock_product(product_id)
            offers = access.lock_open_offers(product, parties)
            effects.decline_offers(offers, reason=Reason.PARTY_UNAVAILABLE, actor=None, now=database_now())
            closed += len(offers)
    if other_id is None:
        cancel_unordered_sales_of(user_id)
    return closed


def _expire_offers_on(product_id: UUID) -> int:
    with transaction.atomic():
        product = access.lock_product(product_id)
        now = database_now()
        due = [offer for offer in access.lock_open_offers(product) if offer.expires_at <= now]
        effects.expire_offers(due, now)
        return len(due)


def _decline_below_minimum_on(product_id: UUID) -> int:
    declined = 0
    with transaction.atomic():
        product = access.lock_product(product_id)
        now = database_now()
        for offer in access.lock_open_offers(product, Q(auto_decline_at__lte=now)):
            if offer.expires_at <= now:
                effects.expire_offers([offer], now)
            elif rules.apply_seller_rules(product, offer.offered_price) == rules.Verdict.DECLINE:
                effects.decline_by_recipient(offer, reason=Reason.BELOW_MINIMUM, actor=None, now=now)
                declined += 1
            else:
                offer.auto_decline_at = None
                offer.save(update_fields=["auto_decline_at"])
                effects.notify_of_new_offer(offer)
    return declined
