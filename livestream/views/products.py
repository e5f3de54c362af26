"""Views of the products in a stream."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from livestream.serializers.inputs import TagInput
from livestream.serializers.products import (
    ClickOutput,
    StreamProductOutput,
    click_body,
    stream_product_body,
)
from livestream.services import products
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.validation import NoInput, validated

_TAGS = ["Live streams"]


class StreamProductViewSet(ViewSet):
    """The products in a stream."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="addStreamProduct",
        tags=_TAGS,
        summary="Add a product to a stream",
        description="Adds one of your own products to a scheduled or live stream. Adding it again changes"
        " nothing.",
        request=None,
        responses={201: StreamProductOutput} | refusals(403, 409),
    )
    @idempotent
    def create(self, request: Request, stream_id: UUID, product_id: UUID) -> Response:
        validated(NoInput, request.data)
        stream_product = products.add_product(
            actor=current_user(request), stream_id=stream_id, product_id=product_id
        )
        return Response(stream_product_body(stream_product), status=201)

    @extend_schema(
        operation_id="removeStreamProduct",
        tags=_TAGS,
        summary="Remove a product from a stream",
        request=None,
        responses={204: None} | refusals(403, 409),
    )
    def destroy(self, request: Request, stream_id: UUID, product_id: UUID) -> Response:
        products.remove_product(actor=current_user(request), stream_id=stream_id, product_id=product_id)
        return Response(status=204)

    @extend_schema(
        operation_id="tagProduct",
        tags=_TAGS,
        summary="Tag a product in the video",
        description="The room gets `product:tagged`. Every tag is kept for the replay.",
        request=TagInput,
        responses={200: StreamProductOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "contract 4.7", {"x": 0.42, "y": 0.63, "timestamp_seconds": 120}, request_only=True
            )
        ],
    )
    def tag(self, request: Request, stream_id: UUID, product_id: UUID) -> Response:
        stream_product = products.tag_product(
            actor=current_user(request),
            stream_id=stream_id,
            product_id=product_id,
            **validated(TagInput, request.data),
        )
        return Response(stream_product_body(stream_product))

    @extend_schema(
        operation_id="countProductClick",
        tags=_TAGS,
        summary="Count a tap on a product",
        description="Send this when a viewer taps the product, live or in the replay. A person counts once.",
        request=None,
        responses={200: ClickOutput} | refusals(403, 409),
    )
    def click(self, request: Request, stream_id: UUID, product_id: UUID) -> Response:
        validated(NoInput, request.data)
        stream_product = products.click_product(
            actor=current_user(request), stream_id=stream_id, product_id=product_id
        )
        return Response(click_body(stream_product))
