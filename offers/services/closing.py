"""How offers end that nobody answered: by the clock, with their product, with their people."""

import logging
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from listings.models import Product
from offers import access
from offers.models import Offer
from offers.services import records
from soukloop.core.jobs.queue import enqueue

logger = logging.getLogger(__name__)
Reason = Offer.CloseReason


def expire_due_offers() -> int:
    """Write down and announce what has run out, product by product; return how many offers."""
    expired = 0
    due = Offer.objects.due_at(timezone.now())
    for product_id in due.order_by("product_id").values_list("product_id", flat=True).distinct():
        try:
            expired += _expire_on(product_id)
        except OperationalError as error:  # somebody holds the product for long: it's there the next time
            logger.warning("offers on product %s not expired yet: %s", product_id, error)
    return expired


def remind_of_expiring_offers() -> int:
    """Tell who has to answer, once, when OFFER_REMINDER_BEFORE is left; return how many were told."""
    now = timezone.now()
    soon = Offer.objects.open_at(now).filter(
        reminded_at=None, expires_at__lte=now + settings.OFFER_REMINDER_BEFORE
    )
    reminded = 0
    for offer in soon.select_related("product", "buyer", "seller").order_by("expires_at", "id"):
        with transaction.atomic():
            # The row decides, not what was read: the offer may have been answered, or two workers be at it.
            if not soon.filter(pk=offer.pk).update(reminded_at=now):
                continue
            records.tell(
                offer,
                [offer.recipient],
                kind="offer_expiring",
                title=f"The offer of {records.amount(offer)} expires soon",
            )
            reminded += 1
    return reminded


def close_offers_of_product(product: Product, reason: str) -> None:
    """Decline what is open on a product that goes off sale; its row is locked by who withdraws it."""
    records.decline_all(
        access.lock_open_offers(product),
        reason=Reason.PRODUCT_UNAVAILABLE,
        actor=None,
        now=timezone.now(),
    )


def end_offers_of(user: User) -> None:
    """Have the open offers to and from somebody declined whose account was closed."""
    enqueue("offers.close_for_people", user_id=str(user.pk))


def end_offers_between(a_id: UUID, b_id: UUID) -> None:
    """Have the open offers between two people declined of whom one blocked the other."""
    enqueue("offers.close_for_people", user_id=str(a_id), other_id=str(b_id))


def close_offers_for_people(user_id: UUID, other_id: UUID | None = None) -> int:
    """Decline what is open to and from somebody, or between two; return how many offers.

    A job, product by product: who bans or blocks holds locks of their own, and two who hold several products
    each could wait for each other in a ring. Until it has run, nobody can accept these offers anyway.
    """
    closed = 0
    whose = Q(buyer_id=user_id) | Q(seller_id=user_id)
    if other_id is not None:
        whose &= Q(buyer_id=other_id) | Q(seller_id=other_id)
    open_offers = Offer.objects.filter(whose, status=Offer.Status.PENDING)
    for product_id in sorted(set(open_offers.values_list("product_id", flat=True))):
        with transaction.atomic():
            product = access.lock_product(product_id)
            offers = access.lock_open_offers(product, whose)
            records.decline_all(offers, reason=Reason.PARTY_UNAVAILABLE, actor=None, now=timezone.now())
            closed += len(offers)
    return closed


def _expire_on(product_id: UUID) -> int:
    with transaction.atomic():
        product = access.lock_product(product_id)
        now = timezone.now()
        due = [offer for offer in access.lock_open_offers(product) if offer.expires_at <= now]
        records.expire_offers(due, now)
        return len(due)
