"""Reads of a person's orders and sales, of disputes and of reviews."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import ngettext_lazy

from accounts.blocks import blocked_between
from accounts.hooks import AccountObligation
from accounts.models import User
from listings.models import Product
from offers.models import Transaction
from orders import access
from orders.models import Dispute, DisputeEvidence, Order, OrderEvent, OrderQuerySet, Review
from orders.states import OPEN_STATES, is_open
from payments.selectors import ways_to_be_paid
from soukloop.core.db.clock import database_now

BUYER, SELLER = "buyer", "seller"


def orders_of(
    user: User, side: str, *, now: datetime, state: str | None = None, product_id: UUID | None = None
) -> OrderQuerySet:
    """Return what a person bought, or sold, newest first; `state` is compared with that at `now`."""
    orders = access.orders_of(user).filter(**{side: user})
    if state is not None:
        orders = orders.in_state(state, now)
    if product_id is not None:
        orders = orders.filter(product_id=product_id)
    return orders.order_by("-created_at", "-id")


def count_unpaid_orders(buyer: User, now: datetime) -> int:
    """Count the orders that hold a product for this buyer and are not paid at `now`."""
    held = Order.objects.filter(buyer=buyer, state__in=[Order.State.PENDING_PAYMENT, Order.State.AUTHORISED])
    return sum(order.state_at(now) == order.state for order in held)


def is_held_by_expired(product: Product, now: datetime) -> bool:
    """Return whether an order or sale holds the product that was not paid or ordered in time.

    The job will put the product on sale again. Until then, the next order does.
    """
    if product.status not in (Product.Status.RESERVED, Product.Status.SOLD):
        return False
    return (
        Order.objects.due_at(now).filter(product=product).exists()
        or Transaction.objects.due_at(now).filter(product=product).exists()
    )


def timeline_of(order: Order) -> Sequence[OrderEvent]:
    """Return what happened to an order, oldest first."""
    return list(OrderEvent.objects.filter(order=order).order_by("id"))


def disputes_of(user: User, *, state: str | None = None) -> QuerySet[Dispute]:
    """Return the disputes about what a person bought or sold, the newest first."""
    disputes = access.disputes_visible_to(user)
    if state is not None:
        disputes = disputes.filter(state=state)
    return disputes.order_by("-created_at", "-pk")


def evidence_of(dispute: Dispute) -> QuerySet[DisputeEvidence]:
    """Return what both sides said and showed, in the order in which they did."""
    return DisputeEvidence.objects.filter(dispute=dispute).order_by("created_at", "pk")


def reviews_about(subject: User, viewer: User | None, now: datetime) -> QuerySet[Review]:
    """Return the reviews about a person that the viewer may see, the newest first.

    Those that are due count as published even before the job has published them. Authors see their own in any
    state; reviews by people with whom the viewer has a block are left out.
    """
    is_shown = Q(hidden_at=None) & (Q(published_at__isnull=False) | Q(publishes_at__lte=now))
    reviews = Review.objects.filter(subject=subject).select_related("author", "order")
    if viewer is None:
        reviews = reviews.filter(is_shown)
    else:
        reviews = reviews.filter(is_shown | Q(author=viewer)).exclude(blocked_between(viewer.pk, "author_id"))
    # Those without a time of publication come first: PostgreSQL sorts NULL as the latest.
    return reviews.order_by("-published_at", "-created_at", "-pk")


def orders_to_review(user: User, now: datetime) -> OrderQuerySet:
    """Return the orders that this person may still review, the latest completed first.

    Each has `has_other_written`.
    """
    reviews = Review.objects.filter(order=OuterRef("pk"))
    orders = Order.objects.filter(
        Q(buyer=user, seller__deleted_at=None) | Q(seller=user, buyer__deleted_at=None),
        completed_at__gt=now - settings.REVIEW_WITHIN,
    )
    return (
        orders.exclude(Exists(reviews.filter(author=user)))
        .annotate(has_other_written=Exists(reviews.exclude(author=user)))
        .select_related("product", "buyer", "seller")
        .order_by("-completed_at", "-pk")
    )


def buying_options(user: User, product: Product) -> dict[str, Any]:
    """Return `buying`: whether and how this person can buy the product, and the order they have of it."""
    order_id, ways, reason = None, ways_to_be_paid(product.seller_id), None
    if not product.is_available and not is_held_by_expired(product, database_now()):
        order_id = _open_order_id(user, product)
        is_reserved = product.status == Product.Status.RESERVED
        reason = "product_reserved" if is_reserved else "product_not_available"
    elif not any(ways):
        reason = "seller_not_available"
    methods = [method for method, is_possible in ways._asdict().items() if is_possible]
    return {
        "buying": {
            "can_buy": reason is None,
            "reason": reason,
            "payment_methods": methods,
            "deliveries": [Order.Delivery.MEET_UP, Order.Delivery.SHIPPING]
            if ways.card
            else [Order.Delivery.MEET_UP],
            "order_id": order_id,
        }
    }


def open_order_count(user: User) -> int:
    """Count the orders in which this person has something to do: to pay, to hand over, to send."""
    to_pay = Q(buyer=user, state=Order.State.PENDING_PAYMENT)
    to_give = Q(seller=user, state__in=[Order.State.AUTHORISED, Order.State.PAID])
    return Order.objects.filter(to_pay | to_give).count()


def badges_of(user: User) -> dict[str, int]:
    """Return the number on the app's tab of orders."""
    return {"open_orders": open_order_count(user)}


def _open_order_id(user: User, product: Product) -> UUID | None:
    orders = Order.objects.filter(product=product, buyer=user).order_by("-created_at")
    return next((order.pk for order in orders[:1] if is_open(order.state)), None)


def obligations_of(user: User) -> list[AccountObligation]:
    """Return the open orders of a person, which keep their account from being deleted."""
    count = Order.objects.of(user).filter(state__in=OPEN_STATES).count()
    text = ngettext_lazy("%(count)d order is still open", "%(count)d orders are still open", count) % {
        "count": count
    }
    return [AccountObligation("open_orders", text, count)] if count else []
