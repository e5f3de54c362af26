"""REST views of parcels."""

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user
from orders.carriers import CARRIERS
from orders.serializers.orders import OrderOutput, order_body
from orders.serializers.shipping import CarrierListOutput, ShipmentInput
from orders.services import shipping
from soukloop.core.db.clock import database_now
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.validation import validated


class Shipment(APIView):
    rate_scope = "order_write"

    @extend_schema(
        operation_id="shipOrder",
        tags=["Orders"],
        summary="Say as the seller that an order was sent",
        description="Once it is paid. Sent again with another number while the parcel is on its way, it"
        " corrects the number; nothing is charged for sending. The buyer confirms, or the order is completed"
        " three days after its delivery. Refusals: 403 `not_the_seller`, 409 `order_…` by its state,"
        " `order_not_shipped` if it is handed over in person.",
        request=ShipmentInput,
        responses={200: OrderOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "Aramex", {"carrier": "aramex", "tracking_number": "34129876543"}, request_only=True
            )
        ],
    )
    @idempotent
    def post(self, request: Request, order_id: UUID) -> Response:
        user = current_user(request)
        data = validated(ShipmentInput, request.data)
        order = shipping.ship_order(actor=user, order_id=order_id, **data)
        return Response(order_body(order, user, database_now()))


class Carriers(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="listCarriers",
        tags=["Orders"],
        summary="List the carriers that parcels can be sent with",
        responses=CarrierListOutput,
    )
    def get(self, request: Request) -> Response:
        items = [{"name": carrier.name, "label": str(carrier.label)} for carrier in CARRIERS.values()]
        return Response({"items": items})
