"""URLs under `/api/v1/streams`, and of what an app reads when it starts."""

from django.urls import path

from livestream.views.app_start import Config, Home
from livestream.views.chat import StreamChatViewSet
from livestream.views.clips import ClipViewSet
from livestream.views.products import StreamProductViewSet
from livestream.views.streams import StreamViewSet

_WRITE = {"rate_scope": "stream_write"}

urlpatterns = [
    path("home", Home.as_view()),
    path("config", Config.as_view()),
    path(
        "streams",
        StreamViewSet.as_view({"get": "list", "post": "create"}, rate_scope={"POST": "stream_write"}),
    ),
    path("streams/live", StreamViewSet.as_view({"get": "live"})),
    path("streams/<uuid:stream_id>", StreamViewSet.as_view({"get": "retrieve"})),
    path("streams/<uuid:stream_id>/settings", StreamViewSet.as_view({"patch": "update_settings"}, **_WRITE)),
    path("streams/<uuid:stream_id>/go-live", StreamViewSet.as_view({"post": "go_live"}, **_WRITE)),
    path("streams/<uuid:stream_id>/end", StreamViewSet.as_view({"post": "end"}, **_WRITE)),
    path("streams/<uuid:stream_id>/cancel", StreamViewSet.as_view({"post": "cancel"}, **_WRITE)),
    path("streams/<uuid:stream_id>/rotate-key", StreamViewSet.as_view({"post": "rotate_key"}, **_WRITE)),
    path("streams/<uuid:stream_id>/analytics", StreamViewSet.as_view({"get": "analytics"})),
    path("streams/<uuid:stream_id>/health", StreamViewSet.as_view({"get": "health"})),
    path(
        "streams/<uuid:stream_id>/clips",
        ClipViewSet.as_view({"get": "list", "post": "create"}, rate_scope={"POST": "stream_write"}),
    ),
    path(
        "streams/<uuid:stream_id>/clips/<uuid:clip_id>",
        ClipViewSet.as_view({"get": "retrieve", "delete": "destroy"}, rate_scope={"DELETE": "stream_write"}),
    ),
    path("streams/<uuid:stream_id>/replay", StreamViewSet.as_view({"get": "replay"})),
    path(
        "streams/<uuid:stream_id>/products/<uuid:product_id>",
        StreamProductViewSet.as_view({"post": "create", "delete": "destroy"}, **_WRITE),
    ),
    path(
        "streams/<uuid:stream_id>/products/<uuid:product_id>/tag",
        StreamProductViewSet.as_view({"post": "tag"}, **_WRITE),
    ),
    path(
        "streams/<uuid:stream_id>/products/<uuid:product_id>/click",
        StreamProductViewSet.as_view({"post": "click"}, rate_scope="stream_click"),
    ),
    path(
        "streams/<uuid:stream_id>/chat", StreamChatViewSet.as_view({"get": "list", "patch": "change_rules"})
    ),
    path("streams/<uuid:stream_id>/chat/<uuid:message_id>", StreamChatViewSet.as_view({"delete": "destroy"})),
    path("streams/<uuid:stream_id>/mutes", StreamChatViewSet.as_view({"post": "mute"})),
    path("streams/<uuid:stream_id>/mutes/<uuid:user_id>", StreamChatViewSet.as_view({"delete": "unmute"})),
    path("streams/<uuid:stream_id>/moderators", StreamChatViewSet.as_view({"post": "add_moderator"})),
    path(
        "streams/<uuid:stream_id>/moderators/<uuid:user_id>",
        StreamChatViewSet.as_view({"delete": "remove_moderator"}),
    ),
]
