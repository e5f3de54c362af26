"""WebSocket paths: `/ws/`, and those that apps declare in their `routing.py`."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from soukloop.core.domain import domain_apps, import_submodule
from soukloop.realtime.consumers import SocketConsumer, UnknownPathConsumer


def websocket_application() -> URLRouter:
    """Return the ASGI application for all WebSocket paths."""
    return URLRouter(
        [
            path("ws/", SocketConsumer.as_asgi()),
            *app_urlpatterns(),
            re_path(r"", UnknownPathConsumer.as_asgi()),
        ]
    )


def app_urlpatterns() -> list[Any]:
    """Return the `websocket_urlpatterns` of all domain apps' `routing` modules."""
    modules = [import_submodule(config, "routing") for config in domain_apps()]
    return [pattern for module in modules if module is not None for pattern in module.websocket_urlpatterns]
