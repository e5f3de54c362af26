"""Writing, publishing and hiding reviews; the sums of people's ratings change in the same transactions.

Locks are taken in this order: people (by id), order, review.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import lock_user
from accounts.models import User
from accounts.services.ratings import add_ratings
from accounts.tokens import check_account_open
from notifications.kinds import Kind
from notifications.services.notify import notify
from offers.error_codes import OffersErrorCode
from orders import access
from orders import notification_kinds as kinds
from orders.error_codes import OrdersErrorCode
from orders.models import Order, Review
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, DomainError, Forbidden, NotFound
from soukloop.core.staff.history import log_staff_action

logger = logging.getLogger(__name__)


@transaction.atomic
def write_review(*, actor: User, order_id: UUID, rating: int, text: str = "") -> Review:
    """Write what the actor thinks of the other side of a completed order; it can't be changed afterwards.

    If the other side wrote before, both reviews are published; otherwise this one is after
    REVIEW_SHOWN_AFTER. A block between the two doesn't matter. Raises NotFound, and Conflict
    (`order_not_completed`, `review_too_late`, `already_reviewed`, `party_unavailable`).
    """
    order = access.order_of(actor, order_id)
    other_id = order.seller_id if actor.pk == order.buyer_id else order.buyer_id
    people = {user_id: lock_user(user_id) for user_id in sorted((actor.pk, other_id))}
    check_account_open(people[actor.pk])
    if people[other_id].deleted_at is not None:
        raise Conflict(_("The other side's account is closed."), code=OffersErrorCode.PARTY_UNAVAILABLE)
    order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    now = database_now()
    written = {review.author_id: review for review in Review.objects.filter(order=order)}
    _require_reviewable(order, now)
    if actor.pk in written:
        raise Conflict(_("You have reviewed this order already."), code=OrdersErrorCode.ALREADY_REVIEWED)
    review = Review.objects.create(
        order=order,
        author=actor,
        subject=people[other_id],
        rating=rating,
        text=text,
        publishes_at=now + settings.REVIEW_SHOWN_AFTER,
        created_at=now,
    )
    if (earlier := written.get(other_id)) is None:
        _notify(review, kinds.REVIEW_WAITING)
        return review
    if earlier.published_at is None:
        _publish(earlier, now)
    _publish(review, now)
    _notify(review, kinds.REVIEW_SHOWN)
    return review


def publish_due_reviews() -> int:
    """Publish the reviews whose other side has not written in time; return how many.

    They are shown even before this runs. Each has a transaction of its own, and one that fails is left for
    the next run.
    """
    published = 0
    due = Review.objects.filter(published_at=None, publishes_at__lte=database_now())
    for review_id, subject_id in due.values_list("pk", "subject_id"):
        try:
            with transaction.atomic():
                lock_user(subject_id)
                review = due.select_for_update().filter(pk=review_id).first()
                if review is not None:
                    _publish(review, database_now())
                    _notify(review, kinds.REVIEW_SHOWN)
                    published += 1
        except (DomainError, OperationalError):
            logger.exception("publishing review %s failed", review_id)
    return published


@transaction.atomic
def hide_review(*, actor: User, review_id: UUID, reason: str) -> Review:
    """Hide a review from everybody but its author, and take it out of the average.

    Raises Forbidden unless the actor is staff with the "change" permission on reviews, NotFound, and Conflict
    (`review_unchanged`).
    """
    return _set_hidden(actor, review_id, database_now(), f"Hidden: {reason}")


@transaction.atomic
def restore_review(*, actor: User, review_id: UUID, reason: str) -> Review:
    """Show a hidden review again; raises as `hide_review` does."""
    return _set_hidden(actor, review_id, None, f"Shown again: {reason}")


def _set_hidden(actor: User, review_id: UUID, hidden_at: datetime | None, message: str) -> Review:
    if not (actor.is_staff and actor.has_perm("orders.change_review")):
        raise Forbidden
    subject_id = Review.objects.filter(pk=review_id).values_list("subject_id", flat=True).first()
    if subject_id is None:
        raise NotFound(_("Review not found."), code=OrdersErrorCode.REVIEW_NOT_FOUND)
    lock_user(subject_id)
    review = Review.objects.select_for_update(of=("self",)).select_related("author").get(pk=review_id)
    if (review.hidden_at is None) == (hidden_at is None):
        text = _("This review is hidden already.") if hidden_at else _("This review is not hidden.")
        raise Conflict(text, code=OrdersErrorCode.REVIEW_UNCHANGED)
    if hidden_at is not None:
        _uncount(review)
    review.hidden_at = hidden_at
    review.save(update_fields=["hidden_at"])
    _count(review)
    log_staff_action(actor=actor, row=review, message=message)
    return review


def _require_reviewable(order: Order, now: datetime) -> None:
    if order.completed_at is None:
        raise Conflict(
            _("You can write a review once the order is completed."),
            code=OrdersErrorCode.ORDER_NOT_COMPLETED,
        )
    if order.completed_at + settings.REVIEW_WITHIN <= now:
        raise Conflict(_("The time for reviews of this order is over."), code=OrdersErrorCode.REVIEW_TOO_LATE)


def _publish(review: Review, now: datetime) -> None:
    """Publish a locked review; a hidden one doesn't count."""
    review.published_at = now
    review.save(update_fields=["published_at"])
    _count(review)


def _count(review: Review) -> None:
    """Add a review that is shown to the average, unless one of the same two people near it in time counts.

    Or two people could raise an average by selling the cheapest things to each other. The subject's row is
    locked, so that two reviews at once are compared one after the other.
    """
    if review.published_at is None or review.hidden_at is not None:
        return
    period = settings.REVIEW_COUNTED_ONCE_PER
    others = Review.objects.filter(
        author=review.author_id,
        subject=review.subject_id,
        is_counted=True,
        published_at__gt=review.published_at - period,
        published_at__lt=review.published_at + period,
    )
    if others.exists():
        return
    review.is_counted = True
    review.save(update_fields=["is_counted"])
    add_ratings(user_id=review.subject_id, total=review.rating, count=1)


def _uncount(review: Review) -> None:
    """Take a locked review out of the average, if it is in it."""
    if review.is_counted:
        review.is_counted = False
        review.save(update_fields=["is_counted"])
        add_ratings(user_id=review.subject_id, total=-review.rating, count=-1)


def _notify(review: Review, kind: Kind) -> None:
    """Notify the person whom a review is about."""
    if review.hidden_at is not None:
        return
    notify(
        user_ids=[review.subject_id],
        kind=kind,
        params={"actor": f"@{review.author.username}", "product": review.order.product.title},
        data={
            "order_id": str(review.order_id),
            "review_id": str(review.pk),
            "user_id": str(review.subject_id),
        },
        actor_id=review.author_id,
    )
