"""URLs under `/api/v1/notifications`."""

from django.urls import path

from notifications.views import NotificationViewSet

urlpatterns = [
    path("", NotificationViewSet.as_view({"get": "list"})),
    path("/unread-count", NotificationViewSet.as_view({"get": "unread"})),
    path("/read", NotificationViewSet.as_view({"post": "read"})),
]
