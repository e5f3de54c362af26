"""URLs of notifications, under `/api/v1/`."""

from django.urls import path

from notifications.views.devices import DeviceViewSet, WebPushKey
from notifications.views.inbox import NotificationViewSet
from notifications.views.settings import NotificationSettings

_DEVICE = {"POST": "device_register"}

urlpatterns = [
    path("devices", DeviceViewSet.as_view({"get": "list", "post": "create"}, rate_scope=_DEVICE)),
    path("devices/web-push-key", WebPushKey.as_view()),
    path("devices/<uuid:device_id>", DeviceViewSet.as_view({"delete": "destroy"})),
    path("notifications", NotificationViewSet.as_view({"get": "list"})),
    path("notifications/unread-count", NotificationViewSet.as_view({"get": "unread"})),
    path("notifications/read", NotificationViewSet.as_view({"post": "read"})),
    path("notifications/settings", NotificationSettings.as_view()),
    path("notifications/<uuid:notification_id>", NotificationViewSet.as_view({"delete": "destroy"})),
    path("notifications/<uuid:notification_id>/read", NotificationViewSet.as_view({"post": "read_one"})),
]
