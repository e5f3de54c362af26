"""REST views of the devices that pushes go to."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from accounts.tokens import read_access_token
from notifications.selectors import devices_of
from notifications.serializers.devices import (
    DeviceInput,
    DeviceOutput,
    DevicePageOutput,
    WebPushKeyOutput,
    device_body,
)
from notifications.services.devices import delete_device, register_device
from notifications.vapid import public_key
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import validated

_TAGS = ["Notifications"]
_APP = {"platform": "fcm", "token": "dGhpcyBpcyBhIHRva2Vu:APA91bE", "app_version": "2.4.1", "locale": "ar-AE"}
_BROWSER = {
    "platform": "webpush",
    "subscription": {
        "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABn",
        "expirationTime": None,
        "keys": {
            "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u"
            "-Ts1XbjhazAkj7I99e8QcYP7DkM",
            "auth": "tBHItJI5svbpez7KI4CCXg",
        },
    },
    "locale": "en-GB",
}


class DeviceViewSet(ViewSet):
    """The phones and browsers that your pushes go to."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="listDevices",
        tags=_TAGS,
        summary="List your devices",
        parameters=PAGE_PARAMETERS,
        responses=DevicePageOutput,
    )
    def list(self, request: Request) -> Response:
        login_id = _login_of(request)
        devices = devices_of(current_user(request))
        return Response(
            paginate(
                devices, page_of(request), lambda rows: [device_body(device, login_id) for device in rows]
            )
        )

    @extend_schema(
        operation_id="registerDevice",
        tags=_TAGS,
        summary="Register this device for pushes",
        description="Call it at each start of the app and whenever the token changes: 201 if it is new, "
        "otherwise 200. A token that another account has registered moves to you. Of more than 25 devices, "
        "the one unused longest goes. Logging out takes the device out.",
        request=DeviceInput,
        responses={201: DeviceOutput, 200: DeviceOutput},
        examples=[
            OpenApiExample("An app, by FCM", _APP, request_only=True),
            OpenApiExample("A browser, by Web Push", _BROWSER, request_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        data, login_id = validated(DeviceInput, request.data), _login_of(request)
        device, is_new = register_device(actor=current_user(request), login_id=login_id, **data)
        return Response(device_body(device, login_id), status=201 if is_new else 200)

    @extend_schema(
        operation_id="removeDevice",
        tags=_TAGS,
        summary="Take a device out",
        request=None,
        responses={204: None},
    )
    def destroy(self, request: Request, device_id: UUID) -> Response:
        delete_device(actor=current_user(request), device_id=device_id)
        return Response(status=204)


class WebPushKey(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="getWebPushKey",
        tags=_TAGS,
        summary="Show the key for Web Push",
        description="A browser subscribes with it. Null where Web Push is not set up.",
        responses=WebPushKeyOutput,
    )
    def get(self, request: Request) -> Response:
        return Response({"public_key": public_key() or None})


def _login_of(request: Request) -> UUID | None:
    """Return the login (RefreshFamily) that the access token of the request belongs to."""
    return read_access_token(str(request.auth)).family_id
