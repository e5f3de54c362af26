"""Views of orders and sales."""

from typing import Any
from uuid import UUID

import segno
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from orders import access, selectors
from orders.models import Order
from orders.serializers.orders import (
    HandOverInput,
    OrderCancelInput,
    OrderDetailOutput,
    OrderInput,
    OrderOutput,
    OrderPageOutput,
    OrdersQuery,
    PayInput,
    order_body,
    order_detail_body,
)
from orders.services import buying, closing, hand_over
from payments.selectors import latest_payment
from soukloop.core.db.clock import database_now
from soukloop.core.http.caching import SecretResponse
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import NoInput, validated, validated_query

_TAGS = ["Orders"]


class OrderViewSet(ViewSet):
    """What the user bought and sold."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="placeOrder",
        tags=_TAGS,
        summary="Buy a product, or order what an accepted offer agreed on",
        description="By card, the product is reserved for 15 minutes; an accepted offer must be paid within"
        " 24 hours of its acceptance. The payment begins at once: wait for `order:updated` with"
        " `payment_ready`, or poll `GET /orders/{id}`, then open the provider's form with its"
        " `payment.client_secret`. To be paid in person, both sides are bound at once, and `GET /orders/{id}`"
        " has the code for the hand-over. One of several buyers wins; others get 409 `product_reserved` or"
        " `product_not_available`. Send the price that you showed as `expected_price`: if it has changed,"
        " nothing is bought, and 409 `price_changed` has the new one in its `details`. Other refusals: 403"
        " `own_product`, 409 `seller_not_paid_by_card`, `seller_not_available_in_person`,"
        " `too_many_unpaid_orders`, `too_many_attempts`, `phone_not_confirmed`, `order_exists`.",
        request=OrderInput,
        responses={201: OrderOutput} | refusals(403, 404, 409),
        examples=[
            OpenApiExample(
                "Buy now by card, to be handed over in person",
                {
                    "product_id": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
                    "payment_method": "card",
                    "delivery": "meet_up",
                },
                request_only=True,
            ),
            OpenApiExample(
                "Order an accepted offer, to be paid in person",
                {
                    "offer_id": "5c1f3d0a-8f0e-4b6e-9f43-0c7f4f0b8f11",
                    "payment_method": "in_person",
                    "delivery": "meet_up",
                },
                request_only=True,
            ),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        user = current_user(request)
        order = buying.place_order(actor=user, **validated(OrderInput, request.data))
        return _order(request, order, status=201)

    @extend_schema(
        operation_id="listOrders",
        tags=_TAGS,
        summary="List what you bought, newest first",
        parameters=[OrdersQuery, *PAGE_PARAMETERS],
        responses=OrderPageOutput,
    )
    def list(self, request: Request) -> Response:
        return _page(request, selectors.BUYER)

    @extend_schema(
        operation_id="getOrder",
        tags=_TAGS,
        summary="Show an order with its timeline",
        description="The buyer sees the payment and, while it can be used, the hand-over code.",
        responses=OrderDetailOutput,
    )
    def retrieve(self, request: Request, order_id: UUID) -> Response:
        user = current_user(request)
        order = access.order_of(user, order_id)
        body = order_detail_body(
            order,
            latest_payment(order.pk),
            selectors.timeline_of(order),
            user,
            database_now(),
            code=hand_over.code_shown_to(user, order),
        )
        return SecretResponse(body)

    @extend_schema(
        operation_id="payOrder",
        tags=_TAGS,
        summary="Pay an order again",
        description="After a payment that failed, while there is time; also to pay in person what was to be"
        " paid by card.",
        request=PayInput,
        responses={200: OrderOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "In person after a card that was declined", {"payment_method": "in_person"}, request_only=True
            )
        ],
    )
    @idempotent
    def pay(self, request: Request, order_id: UUID) -> Response:
        user = current_user(request)
        order = buying.pay_again(actor=user, order_id=order_id, **validated(PayInput, request.data))
        return _order(request, order)

    @extend_schema(
        operation_id="cancelOrder",
        tags=_TAGS,
        summary="Cancel an order",
        description="Either side may, until it is handed over or sent; then 409 `order_…` names its state."
        " What was paid is refunded, and the product is on sale again.",
        request=OrderCancelInput,
        responses={200: OrderOutput} | refusals(409),
        examples=[
            OpenApiExample("The buyer did not come", {"reason": "The buyer did not come."}, request_only=True)
        ],
    )
    @idempotent
    def cancel(self, request: Request, order_id: UUID) -> Response:
        user = current_user(request)
        order = closing.cancel_order(
            actor=user, order_id=order_id, **validated(OrderCancelInput, request.data)
        )
        return _order(request, order)

    @extend_schema(
        operation_id="confirmOrder",
        tags=_TAGS,
        summary="Confirm that you received what you bought",
        description="Completes the order, and lets the seller have the money. It completes by itself three"
        " days after the hand-over or delivery.",
        request=None,
        responses={200: OrderOutput} | refusals(403, 409),
    )
    @idempotent
    def confirm(self, request: Request, order_id: UUID) -> Response:
        validated(NoInput, request.data)
        return _order(request, closing.confirm_order(actor=current_user(request), order_id=order_id))

    @extend_schema(
        operation_id="handOver",
        tags=_TAGS,
        summary="Record the hand-over with the buyer's code",
        description="For the seller: it proves to both that the product was handed over, and, in person, that"
        " it was paid. After five wrong codes none is taken for 15 minutes, and the buyer is told. Refusals:"
        " 409 `hand_over_code_wrong`, `hand_over_code_locked`, `no_hand_over_code`, `order_…`.",
        request=HandOverInput,
        responses={200: OrderOutput} | refusals(403, 409),
        examples=[OpenApiExample("The buyer's code", {"code": "042917"}, request_only=True)],
    )
    def hand_over(self, request: Request, order_id: UUID) -> Response:
        # Outside the transaction of the Idempotency-Key: a wrong code is counted although it is refused.
        code = validated(HandOverInput, request.data)["code"]
        hand_over.check_code(actor=current_user(request), order_id=order_id, code=code)
        return self._hand_over(request, order_id, code)

    hand_over.is_idempotent = True  # type: ignore[attr-defined]  # for the OpenAPI description

    @idempotent
    def _hand_over(self, request: Request, order_id: UUID, code: str) -> Response:
        order = hand_over.hand_over(actor=current_user(request), order_id=order_id, code=code)
        return _order(request, order)


class SaleViewSet(ViewSet):
    """What the user sold."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="listSales",
        tags=_TAGS,
        summary="List the orders of what you sell, newest first",
        parameters=[OrdersQuery, *PAGE_PARAMETERS],
        responses=OrderPageOutput,
    )
    def list(self, request: Request) -> Response:
        return _page(request, selectors.SELLER)


class HandOverCodeImage(APIView):
    @extend_schema(
        operation_id="getHandOverCodeImage",
        tags=_TAGS,
        summary="Show the hand-over code as a QR code",
        description="For the buyer, while the code can be used: the seller scans it from the buyer's screen."
        " It holds `soukloop://orders/{id}/hand-over?code={code}`.",
        responses={(200, "image/svg+xml"): OpenApiTypes.STR} | refusals(409),
    )
    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        order = access.order_of(current_user(request), order_id)
        code = hand_over.require_code(current_user(request), order)
        picture = segno.make(f"soukloop://orders/{order.pk}/hand-over?code={code}", error="m")
        return HttpResponse(
            picture.svg_inline(scale=8, dark="#000", light="#fff"),
            content_type="image/svg+xml",
            headers={"Cache-Control": "no-store"},
        )


def _page(request: Request, side: str) -> Response:
    user, now = current_user(request), database_now()
    orders = selectors.orders_of(user, side, now=now, **validated_query(OrdersQuery, request.query_params))
    return Response(
        paginate(orders, page_of(request), lambda rows: [order_body(order, user, now) for order in rows])
    )


def _order(request: Request, order: Order, status: int = 200) -> Response:
    return Response(order_body(order, current_user(request), database_now()), status=status)
