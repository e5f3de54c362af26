"""Where WebSocket paths go."""

from channels.routing import URLRouter
from django.urls import path, re_path

from soukloop.realtime.consumers import (
    ConversationConsumer,
    SocketConsumer,
    StreamConsumer,
    UnknownPathConsumer,
)

websockets = URLRouter(
    [
        path("ws/", SocketConsumer.as_asgi()),
        path("ws/conversations/<uuid:id>/", ConversationConsumer.as_asgi()),
        path("ws/streams/<uuid:id>/", StreamConsumer.as_asgi()),
        re_path(r"", UnknownPathConsumer.as_asgi()),
    ]
)
