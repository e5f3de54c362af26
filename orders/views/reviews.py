"""REST views of reviews."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import visible_user
from accounts.authentication import current_user, current_user_or_none
from orders import selectors
from orders.serializers.reviews import (
    PendingReviewPageOutput,
    ReviewInput,
    ReviewOutput,
    ReviewPageOutput,
    pending_review_body,
    review_body,
)
from orders.services import reviews
from soukloop.core.db.clock import database_now
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import validated

_TAGS = ["Reviews"]


class Reviews(APIView):
    rate_scope = "review_write"

    @extend_schema(
        operation_id="writeReview",
        tags=_TAGS,
        summary="Review the other side of a completed order",
        description=f"Within {settings.REVIEW_WITHIN.days} days of its completion, once, and it can't be"
        " changed. Nobody but you sees it until the other side has written too, or"
        f" {settings.REVIEW_SHOWN_AFTER.days} days have passed. Refusals: 409 `order_not_completed`,"
        " `review_too_late`, `already_reviewed`, `party_unavailable`.",
        request=ReviewInput,
        responses={201: ReviewOutput} | refusals(404, 409),
        examples=[
            OpenApiExample(
                "Five stars",
                {
                    "order_id": "3f0b7a52-6d0e-4a0c-9a8e-1c1f4b0c0d21",
                    "rating": 5,
                    "text": "As described, and on time.",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = validated(ReviewInput, request.data)
        review = reviews.write_review(actor=current_user(request), **data)
        return Response(review_body(review, database_now()), status=201)


class PendingReviews(APIView):
    @extend_schema(
        operation_id="listPendingReviews",
        tags=_TAGS,
        summary="List the orders that you may still review, the latest completed first",
        parameters=PAGE_PARAMETERS,
        responses=PendingReviewPageOutput,
    )
    def get(self, request: Request) -> Response:
        user = current_user(request)

        def render(orders: Any) -> list[Any]:
            return [
                pending_review_body(order, user, has_other_written=order.has_other_written)
                for order in orders
            ]

        orders = selectors.orders_to_review(user, database_now())
        return Response(paginate(orders, page_of(request), render))


class ReviewsOfUser(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="listReviewsOfPerson",
        tags=_TAGS,
        summary="List what others wrote about a person, the newest first",
        description="For guests too. Your own review is in it before others can see it, as `waiting`. Reviews"
        " by people with whom you have a block are left out; the average on the profile counts them.",
        parameters=PAGE_PARAMETERS,
        responses=ReviewPageOutput,
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        viewer, now = current_user_or_none(request), database_now()
        subject = visible_user(viewer, user_id)

        def render(rows: Any) -> list[Any]:
            return [review_body(review, now) for review in rows]

        shown = selectors.reviews_about(subject, viewer, now)
        return Response(paginate(shown, page_of(request), render))
