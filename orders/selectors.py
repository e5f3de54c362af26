"""Reads of a person's orders and sales, of disputes and of reviews."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.blocks import blocked_between
from accounts.models import User
from orders import access
from orders.models import Dispute, DisputeEvidence, Order, OrderEvent, OrderQuerySet, Review

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
