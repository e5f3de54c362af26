"""URLs under `/api/v1/conversations`."""

from django.urls import path

from chat.views import ConversationViewSet, ImageMessageViewSet, MessageViewSet

urlpatterns = [
    path(
        "",
        ConversationViewSet.as_view(
            {"get": "list", "post": "create"}, rate_scope={"POST": "conversation_create"}
        ),
    ),
    path("/unread-count", ConversationViewSet.as_view({"get": "unread_count"})),
    path("/<uuid:conversation_id>", ConversationViewSet.as_view({"get": "retrieve"})),
    path("/<uuid:conversation_id>/read", ConversationViewSet.as_view({"post": "read"})),
    path("/<uuid:conversation_id>/archive", ConversationViewSet.as_view({"post": "archive"})),
    path("/<uuid:conversation_id>/unarchive", ConversationViewSet.as_view({"post": "unarchive"})),
    path(
        "/<uuid:conversation_id>/messages",
        MessageViewSet.as_view({"get": "list", "post": "create"}, rate_scope={"POST": "message_send"}),
    ),
    path("/<uuid:conversation_id>/images", ImageMessageViewSet.as_view({"post": "create"})),
]
