"""How offers end that nobody answered: by the clock, with their product, with their people."""

import logging
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from listings.models import Product
from offers import access
from offers.models import Offer
from offers.services import records

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


def close_offers_between(a_id: UUID, b_id: UUID) -> None:
    """Decline what is open between two people of whom one blocked the other."""
    _close_for_people(Q(buyer_id=a_id, seller_id=b_id) | Q(buyer_id=b_id, seller_id=a_id))


def close_offers_of_person(user_id: UUID) -> None:
    """Decline what is open to or from somebody whose account is closed."""
    _close_for_people(Q(buyer_id=user_id) | Q(seller_id=user_id))


def _close_for_people(whose: Q) -> None:
    with transaction.atomic():
        product_ids = Offer.objects.filter(whose, status=Offer.Status.PENDING).values_list(
            "product_id", flat=True
        )
        # In one order, so that two closings can't wait for each other in a ring.
        for product_id in sorted(set(product_ids)):
            product = access.lock_product(product_id)
            open_offers = access.lock_open_offers(product, whose)
            records.decline_all(open_offers, reason=Reason.PARTY_UNAVAILABLE, actor=None, now=timezone.now())


def _expire_on(product_id: UUID) -> int:
    with transaction.atomic():
        product = access.lock_product(product_id)
        now = timezone.now()
        due = [offer for offer in access.lock_open_offers(product) if offer.expires_at <= now]
        records.expire_offers(due, now)
        return len(due)
