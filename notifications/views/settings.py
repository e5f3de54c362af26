"""REST views of a person's settings of notifications."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user
from notifications.selectors import settings_of
from notifications.serializers.settings import (
    NotificationSettingsInput,
    NotificationSettingsOutput,
    settings_body,
)
from notifications.services.settings import update_settings
from soukloop.core.http.languages import active_language
from soukloop.core.http.validation import validated_changes

_TAGS = ["Notifications"]


class NotificationSettings(APIView):
    """What you want to hear of, where and when."""

    @extend_schema(
        operation_id="getNotificationSettings",
        tags=_TAGS,
        summary="Show your settings of notifications",
        responses=NotificationSettingsOutput,
    )
    def get(self, request: Request) -> Response:
        user = current_user(request)
        return Response(settings_body(settings_of(user), active_language()))

    @extend_schema(
        operation_id="updateNotificationSettings",
        tags=_TAGS,
        summary="Change your settings of notifications",
        description="Only what is sent changes. In quiet hours, by the clock of `time_zone`, pushes wait for "
        "their end. The language is that of your account (`PATCH /auth/me`).",
        request=NotificationSettingsInput,
        responses=NotificationSettingsOutput,
        examples=[
            OpenApiExample(
                "Quiet nights, no pushes of live streams",
                {
                    "quiet_hours": {"from": "22:00", "until": "07:00"},
                    "kinds": {"stream_live": {"push": False}},
                },
                request_only=True,
            )
        ],
    )
    def patch(self, request: Request) -> Response:
        user = current_user(request)
        settings = update_settings(actor=user, **validated_changes(NotificationSettingsInput, request.data))
        return Response(settings_body(settings, active_language()))
