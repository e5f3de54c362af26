"""Reads of a user's offers and sales, and of the history of a negotiation."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from chat.selectors import unread_counts
from listings.models import Product
from notifications.selectors import unread_count
from offers import access
from offers.hooks import badge_counters, unpaid_orders
from offers.models import Offer, OfferEvent, Transaction
from soukloop.core.db.clock import database_now
from soukloop.core.db.reads import Statement, fetch
from soukloop.core.money import price_display

MADE, RECEIVED = "made", "received"


def count_held_products(buyer: User, now: datetime) -> int:
    """Count the products that are kept for a buyer and not paid: accepted offers, and unpaid orders."""
    accepted = Transaction.objects.filter(
        buyer=buyer, status=Transaction.Status.PENDING, expires_at__gt=now
    ).count()  # a sale that was ordered has no time of its own any more
    return accepted + sum(unpaid_orders(buyer, now))


def offers_of(
    user: User,
    *,
    now: datetime,
    direction: str | None = None,
    product_id: UUID | None = None,
    status: str | None = None,
) -> QuerySet[Offer]:
    """Return the offers that a user made or received, newest first.

    Purchases at the asking price are left out: nobody had to answer them. `status` is compared with the
    status at `now`: an offer past its expiry time counts as expired.
    """
    offers = access.offers_visible_to(user).filter(is_purchase=False)
    if direction == MADE:
        offers = offers.filter(made_by=user)
    elif direction == RECEIVED:
        offers = offers.exclude(made_by=user)
    if product_id is not None:
        offers = offers.filter(product_id=product_id)
    if status is not None:
        offers = offers.in_status(status, now)
    return offers.select_related(*access.OFFER_RELATIONS).order_by("-created_at", "-id")


def transactions_of(
    user: User,
    *,
    now: datetime,
    role: str | None = None,
    product_id: UUID | None = None,
    status: str | None = None,
) -> QuerySet[Transaction]:
    """Return a user's sales and purchases, newest first."""
    sales = access.transactions_of(user)
    if role is not None:
        sales = sales.filter(**{role: user})
    if product_id is not None:
        sales = sales.filter(product_id=product_id)
    if status is not None:
        sales = sales.in_status(status, now)
    return sales.select_related("product", "buyer", "seller").order_by("-created_at", "-id")


def negotiation_history(offer: Offer) -> list[OfferEvent]:
    """Return the history of the offer's buyer and seller about the product, oldest first; for staff."""
    return list(
        OfferEvent.objects.filter(offer__product=offer.product_id, offer__buyer=offer.buyer_id)
        .select_related("offer", "actor")
        .order_by("id")
    )


def dealings_about(user: User, product: Product) -> dict[str, Any]:
    """Return `my_offer`: the open offer between this buyer and the product's seller, or None."""
    sql = (
        "SELECT id, offered_price, currency, made_by_id, expires_at FROM offers_offer"
        " WHERE product_id = %s AND buyer_id = %s AND status = 'pending' AND expires_at > %s"
    )
    rows = fetch(Statement(sql, [product.pk, user.pk, database_now()]))
    if not rows:
        return {"my_offer": None}
    offer_id, price, currency, made_by_id, expires_at = rows[0]
    return {
        "my_offer": {
            "id": offer_id,
            "offered_price": price,
            "offered_price_display": price_display(price, currency),
            "currency": currency,
            "is_mine": made_by_id == user.pk,
            "expires_at": expires_at,
        }
    }


def badges_of(user: User, now: datetime) -> dict[str, int]:
    """Count what waits for this person: the numbers on the app's tabs and its icon."""
    return {
        "unread_messages": unread_counts(user)["unread_count"],
        "unread_notifications": unread_count(user.pk),
        "open_offers": open_offer_count(user, now),
        **{name: count for counted in badge_counters(user) for name, count in counted.items()},
    }


def open_offer_count(user: User, now: datetime) -> int:
    """Count the open offers that wait for this person's answer."""
    return access.offers_visible_to(user).open_at(now).exclude(made_by=user).count()
