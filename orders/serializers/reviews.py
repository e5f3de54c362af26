"""Inputs and outputs of reviews."""

from datetime import datetime
from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from accounts.serializers.people import (
    OtherUserOutput,
    PersonCardOutput,
    other_user_body,
    person_card_body,
)
from listings.serializers.products import ProductCardOutput, product_card
from orders.models import Order, Review
from soukloop.core.http.fields import IdField, PlainTextField
from soukloop.core.http.pagination import PageOutput

STATES = ("waiting", "published", "hidden")
_SIDES = ("buyer", "seller")


class RatingField(serializers.IntegerField):
    """One to five stars; JSON's `true` is refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=5, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class ReviewInput(serializers.Serializer[None]):
    order_id = IdField()
    rating = RatingField(help_text="1 to 5")
    text = PlainTextField(has_lines=True, max_length=1000, required=False, allow_blank=True, default="")


class ReviewOutput(serializers.Serializer[None]):
    """What one side of a completed order thinks of the other."""

    id = serializers.UUIDField()
    rating = serializers.IntegerField(help_text="1 to 5")
    text = serializers.CharField()
    author = PersonCardOutput(allow_null=True, help_text="Null once the account is closed")
    author_side = serializers.ChoiceField(choices=_SIDES, help_text="What the author was in the order")
    state = serializers.ChoiceField(
        choices=STATES,
        help_text="Others see only those that are `published`; `hidden` is one that staff took away",
    )
    publishes_at = serializers.DateTimeField(
        help_text="When it is published at the latest; at once when the other side writes too"
    )
    published_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ReviewPageOutput(PageOutput):
    items = ReviewOutput(many=True)


class PendingReviewOutput(serializers.Serializer[None]):
    """An order that you may still review."""

    order_id = serializers.UUIDField()
    side = serializers.ChoiceField(choices=_SIDES, help_text="What you were in the order")
    has_other_written = serializers.BooleanField(help_text="Their review is shown when you write yours")
    completed_at = serializers.DateTimeField()
    review_until = serializers.DateTimeField()
    product = ProductCardOutput()
    other_user = OtherUserOutput()


class PendingReviewPageOutput(PageOutput):
    items = PendingReviewOutput(many=True)


def review_body(review: Review, now: datetime) -> dict[str, Any]:
    """Return a ReviewOutput; its author and order must be loaded."""
    author = review.author
    is_published = review.published_at is not None or review.publishes_at <= now
    state = "published" if is_published else "waiting"
    return {
        "id": review.pk,
        "rating": review.rating,
        "text": review.text,
        "author": person_card_body(
            user_id=author.pk,
            username=author.username,
            avatar=author.avatar,
            is_verified=author.is_verified,
        )
        if author.is_active
        else None,
        "author_side": "buyer" if review.author_id == review.order.buyer_id else "seller",
        "state": "hidden" if review.hidden_at is not None else state,
        "publishes_at": review.publishes_at,
        "published_at": review.published_at or (review.publishes_at if is_published else None),
        "created_at": review.created_at,
    }


def pending_review_body(order: Order, viewer: User, *, has_other_written: bool) -> dict[str, Any]:
    """Return a PendingReviewOutput of a completed order."""
    assert order.completed_at is not None, order.pk
    is_buyer = viewer.pk == order.buyer_id
    return {
        "order_id": order.pk,
        "side": "buyer" if is_buyer else "seller",
        "has_other_written": has_other_written,
        "completed_at": order.completed_at,
        "review_until": order.completed_at + settings.REVIEW_WITHIN,
        "product": product_card(order.product),
        "other_user": other_user_body(order.seller if is_buyer else order.buyer),
    }
