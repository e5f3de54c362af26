"""REST views of disputes, for the two sides of an order."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from accounts.models import User
from orders import access, selectors
from orders.hooks import stream_evidence_of
from orders.models import Dispute
from orders.serializers.disputes import (
    DisputeDetailOutput,
    DisputeEvidenceOutput,
    DisputeInput,
    DisputePageOutput,
    DisputesQuery,
    EvidenceInput,
    dispute_body,
    dispute_detail_body,
    evidence_body,
)
from orders.services import disputes
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import NoInput, validated, validated_query

_TAGS = ["Disputes"]


class DisputesOfOrder(APIView):
    rate_scope = "dispute_write"

    @extend_schema(
        operation_id="openDispute",
        tags=_TAGS,
        summary="Dispute an order as its buyer",
        description="Once it was handed over or sent, and before it is completed. The order doesn't complete,"
        " and the seller gets nothing, until the dispute is closed. Pictures are uploaded first, to"
        " `/uploads/images`. Refusals: 403 `not_the_buyer`, 409 `order_…` by its state, `too_many_disputes`.",
        request=DisputeInput,
        responses={201: DisputeDetailOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "A broken product",
                {"reason": "damaged", "text": "The sole is torn.", "image_urls": []},
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request, order_id: UUID) -> Response:
        user = current_user(request)
        dispute = disputes.open_dispute(
            actor=user, order_id=order_id, **validated(DisputeInput, request.data)
        )
        return Response(_detail(user, dispute.pk), status=201)


class DisputeViewSet(ViewSet):
    """The disputes about what the user bought and sold."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="listDisputes",
        tags=_TAGS,
        summary="List your disputes as buyer and as seller, the newest first",
        parameters=[DisputesQuery, *PAGE_PARAMETERS],
        responses=DisputePageOutput,
    )
    def list(self, request: Request) -> Response:
        user, query = current_user(request), validated_query(DisputesQuery, request.query_params)

        def render(rows: Any) -> list[Any]:
            return [dispute_body(dispute, user) for dispute in rows]

        return Response(paginate(selectors.disputes_of(user, **query), page_of(request), render))

    @extend_schema(
        operation_id="getDispute",
        tags=_TAGS,
        summary="Show a dispute with the evidence of both sides",
        responses=DisputeDetailOutput,
    )
    def retrieve(self, request: Request, dispute_id: UUID) -> Response:
        return Response(_detail(current_user(request), dispute_id))

    @extend_schema(
        operation_id="addDisputeEvidence",
        tags=_TAGS,
        summary="Add evidence to a dispute",
        description="Texts and pictures that you uploaded; only the other side and our staff see them."
        " Refusals: 409 `dispute_closed`, `too_much_evidence`.",
        request=EvidenceInput,
        responses={201: DisputeEvidenceOutput} | refusals(409),
        examples=[
            OpenApiExample("The seller's view", {"text": "It was whole when I packed it."}, request_only=True)
        ],
    )
    @idempotent
    def evidence(self, request: Request, dispute_id: UUID) -> Response:
        user = current_user(request)
        data = validated(EvidenceInput, request.data)
        evidence = disputes.add_evidence(actor=user, dispute_id=dispute_id, **data)
        return Response(evidence_body(evidence, evidence.dispute), status=201)

    @extend_schema(
        operation_id="withdrawDispute",
        tags=_TAGS,
        summary="Withdraw a dispute as its buyer",
        description="The order goes on where it was, with the rest of the time for complaints, or a day."
        " Refusals: 403 `not_the_buyer`, 409 `dispute_closed`.",
        request=None,
        responses={200: DisputeDetailOutput} | refusals(403, 409),
    )
    @idempotent
    def withdraw(self, request: Request, dispute_id: UUID) -> Response:
        validated(NoInput, request.data)
        user = current_user(request)
        disputes.withdraw_dispute(actor=user, dispute_id=dispute_id)
        return Response(_detail(user, dispute_id))

    @extend_schema(
        operation_id="acceptDispute",
        tags=_TAGS,
        summary="Accept a dispute as its seller",
        description="The buyer gets everything back; of a sale in person, from you, and our fee is waived."
        " Refusals: 403 `not_the_seller`, 409 `dispute_closed`, `chargeback_open`.",
        request=None,
        responses={200: DisputeDetailOutput} | refusals(403, 409),
    )
    @idempotent
    def accept(self, request: Request, dispute_id: UUID) -> Response:
        validated(NoInput, request.data)
        user = current_user(request)
        disputes.accept_dispute(actor=user, dispute_id=dispute_id)
        return Response(_detail(user, dispute_id))


def _detail(user: User, dispute_id: UUID) -> dict[str, Any]:
    dispute: Dispute = access.dispute_of(user, dispute_id)
    return dispute_detail_body(
        dispute,
        user,
        evidence=selectors.evidence_of(dispute),
        stream_videos=stream_evidence_of(dispute.order, user.pk),
    )
