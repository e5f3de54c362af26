"""WebSocket paths of live streams."""

from django.urls import path

from livestream.consumers import StreamConsumer

websocket_urlpatterns = [path("ws/streams/<uuid:id>/", StreamConsumer.as_asgi())]
