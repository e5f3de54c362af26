"""Views of payments."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments.serializers import ReceivedOutput
from payments.services import webhooks
from soukloop.core.http.openapi_errors import refusals

_MESSAGE = {
    "type": "object",
    "description": "A provider's message; it only says what to ask the provider about.",
    "properties": {
        "id": {"type": "string", "description": "The provider's id of the message"},
        "type": {"type": "string", "description": "The provider's word for it"},
    },
    "additionalProperties": True,
}

_NO_LOGIN: Any = [{}]


class Webhook(APIView):
    """What a provider tells, signed; unlike other requests it is not limited in rate."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(
        operation_id="receivePaymentWebhook",
        tags=["Payments"],
        summary="Receive a message of a payment provider",
        description="For payment providers, not for apps. The body is the provider's, and is checked by its"
        " signature: a forged one is refused with 400 `webhook_invalid`.",
        auth=_NO_LOGIN,
        request={"application/json": _MESSAGE},
        responses={200: ReceivedOutput} | refusals(404, 413),
        examples=[
            OpenApiExample(
                "A payment was made",
                {"id": "evt_1PqR2sT3uV4wX5yZ", "type": "payment_intent.succeeded"},
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request, provider: str) -> Response:
        webhooks.receive_webhook(provider_name=provider, body=request.body, headers=request.headers)
        return Response({"received": True})
