"""URLs of conversations, under `/api/v1/`."""

from django.urls import path

from chat.views import ConversationViewSet, ImageMessageViewSet, MessageViewSet

urlpatterns = [
    path(
        "conversations",
        ConversationViewSet.as_view(
            {"get": "list", "post": "create"}, rate_scope={"POST": "conversation_create"}
        ),
    ),
    path("conversations/unread-count", ConversationViewSet.as_view({"get": "unread_count"})),
    path("conversations/<uuid:conversation_id>", ConversationViewSet.as_view({"get": "retrieve"})),
    path("conversations/<uuid:conversation_id>/read", ConversationViewSet.as_view({"post": "read"})),
    path("conversations/<uuid:conversation_id>/archive", ConversationViewSet.as_view({"post": "archive"})),
    path(
        "conversations/<uuid:conversation_id>/unarchive", ConversationViewSet.as_view({"post": "unarchive"})
    ),
    path(
        "conversations/<uuid:conversation_id>/messages",
        MessageViewSet.as_view({"get": "list", "post": "create"}, rate_scope={"POST": "message_send"}),
    ),
    path(
        "conversations/<uuid:conversation_id>/messages/<uuid:message_id>",
        MessageViewSet.as_view(
            {"patch": "partial_update", "delete": "destroy"},
            rate_scope=dict.fromkeys(("PATCH", "DELETE"), "message_send"),
        ),
    ),
    path("conversations/<uuid:conversation_id>/images", ImageMessageViewSet.as_view({"post": "create"})),
]
