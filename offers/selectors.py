"""Lists of one's offers and sales."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from offers import access
from offers.models import Offer, OfferEvent, Transaction

MADE, RECEIVED = "made", "received"


def offers_of(
    user: User,
    *,
    now: datetime,
    direction: str | None = None,
    product_id: UUID | None = None,
    status: str | None = None,
) -> QuerySet[Offer]:
    """Return one's offers, newest first; `status` is what it is at this moment, expiry job or no."""
    offers = access.offers_visible_to(user)
    if direction == MADE:
        offers = offers.filter(made_by=user)
    elif direction == RECEIVED:
        offers = offers.exclude(made_by=user)
    if product_id is not None:
        offers = offers.filter(product_id=product_id)
    if status is not None:
        offers = offers.in_status(status, now)
    return offers.select_related(*access.RELATED).order_by("-created_at", "-id")


def transactions_of(
    user: User, *, role: str | None = None, product_id: UUID | None = None, status: str | None = None
) -> QuerySet[Transaction]:
    """Return one's sales and purchases, newest first."""
    sales = access.transactions_of(user)
    if role is not None:
        sales = sales.filter(**{role: user})
    if product_id is not None:
        sales = sales.filter(product_id=product_id)
    if status is not None:
        sales = sales.filter(status=status)
    return sales.select_related("product", "buyer", "seller").order_by("-created_at", "-id")


def history_of_negotiation(offer: Offer) -> list[OfferEvent]:
    """Return what happened between this buyer and seller over this product, oldest first; for staff."""
    return list(
        OfferEvent.objects.filter(offer__product=offer.product_id, offer__buyer=offer.buyer_id)
        .select_related("offer", "actor")
        .order_by("id")
    )
