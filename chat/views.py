"""REST views of conversations (contract 3.1, 3.2)."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from accounts.blocks import blocked_ids
from chat import services
from chat.access import conversation_of
from chat.selectors import conversation_page, messages_of, unread_counts
from chat.serializers import (
    ArchivedOutput,
    ConversationOutput,
    ConversationPageOutput,
    ConversationsQuery,
    ImageInput,
    MessageEditInput,
    MessageInput,
    MessageOutput,
    MessagesOutput,
    MessagesQuery,
    OpenConversationInput,
    ReadInput,
    ReadOutput,
    UnreadCountsOutput,
    conversation_body,
    message_body,
    read_body,
)
from soukloop.core.http.idempotency import idempotent, idempotent_after
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, Page, page_body, page_of
from soukloop.core.http.validation import NoInput, validated, validated_query
from soukloop.core.images import reencode_uploads
from soukloop.realtime.presence import seen_among

_TAGS = ["Conversations"]


class ConversationViewSet(ViewSet):
    """The current user's conversations."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="openConversation",
        tags=_TAGS,
        summary="Open a conversation",
        description="There is one per buyer, seller and product: 201 if it is new, 200 if it exists. The"
        " product's seller is the seller; without a product, the person who opens it is the buyer. The"
        " `initial_message` is sent in both cases, but the same text only once within 10 seconds.",
        request=OpenConversationInput,
        responses={201: ConversationOutput, 200: ConversationOutput} | refusals(403, 404),
        examples=[
            OpenApiExample(
                "contract 3.1",
                {
                    "other_user_id": "c1a2f4de-52b5-4f4b-9d3e-6a3c1f1b2c3d",
                    "product_id": "f3a1d3c5-5a53-4b44-8a0e-0f9a4d3c2b1a",
                    "initial_message": "Hi! Is this item still available?",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        data = validated(OpenConversationInput, request.data)
        conversation, is_new = services.open_conversation(actor=current_user(request), **data)
        return Response(_conversation_body(request, conversation.pk), status=201 if is_new else 200)

    @extend_schema(
        operation_id="listConversations",
        tags=_TAGS,
        summary="List your conversations, latest first",
        parameters=[ConversationsQuery, *PAGE_PARAMETERS],
        responses=ConversationPageOutput,
    )
    def list(self, request: Request) -> Response:
        query = validated_query(ConversationsQuery, request.query_params)
        user = current_user(request)

        if query["archived"] is None and query["product_id"] is None:
            query["archived"] = False
        page = page_of(request)
        if query["cursor"]:
            page = Page(1, page.size)
        found = conversation_page(user, page, **query)
        seen = seen_among({conversation.other_id(user.pk) for conversation in found.conversations})
        items = [conversation_body(conversation, user.pk, seen) for conversation in found.conversations]
        body = page_body(items, page, found.total)
        return Response(body | {"has_more": found.has_more, "next_cursor": found.next_cursor})

    @extend_schema(
        operation_id="getConversation",
        tags=_TAGS,
        summary="Show a conversation",
        responses=ConversationOutput,
    )
    def retrieve(self, request: Request, conversation_id: UUID) -> Response:
        return Response(_conversation_body(request, conversation_id))

    @extend_schema(
        operation_id="markConversationRead",
        tags=_TAGS,
        summary="Mark messages as read",
        request=ReadInput,
        responses=ReadOutput,
        description="Up to and including `up_to_seq`, or to the end. Both people get `messages:read`.",
        examples=[
            OpenApiExample("Up to a message", {"up_to_seq": 12}, request_only=True),
            OpenApiExample("To the end", {}, request_only=True),
        ],
    )
    def read(self, request: Request, conversation_id: UUID) -> Response:
        data = validated(ReadInput, request.data)
        user = current_user(request)
        conversation = services.mark_read(actor=user, conversation_id=conversation_id, **data)
        return Response(read_body(conversation, user.pk))

    @extend_schema(
        operation_id="archiveConversation",
        tags=_TAGS,
        summary="Archive a conversation",
        request=None,
        responses=ArchivedOutput,
        description="A new message unarchives it.",
    )
    def archive(self, request: Request, conversation_id: UUID) -> Response:
        validated(NoInput, request.data)
        return self._set_archived(request, conversation_id, True)

    @extend_schema(
        operation_id="unarchiveConversation",
        tags=_TAGS,
        summary="Unarchive a conversation",
        request=None,
        responses=ArchivedOutput,
    )
    def unarchive(self, request: Request, conversation_id: UUID) -> Response:
        validated(NoInput, request.data)
        return self._set_archived(request, conversation_id, False)

    @extend_schema(
        operation_id="countUnreadMessages",
        tags=_TAGS,
        summary="Count your unread messages",
        responses=UnreadCountsOutput,
    )
    def unread_count(self, request: Request) -> Response:
        return Response(unread_counts(current_user(request)))

    def _set_archived(self, request: Request, conversation_id: UUID, archived: bool) -> Response:
        services.set_archived(actor=current_user(request), conversation_id=conversation_id, archived=archived)
        return Response({"conversation_id": conversation_id, "is_archived": archived})


class MessageViewSet(ViewSet):
    """The messages of a conversation."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="sendMessage",
        tags=_TAGS,
        summary="Send a message",
        description="A text, or the URL of a picture that you uploaded. A repeated `client_message_id`"
        " returns the first message.",
        request=MessageInput,
        responses={201: MessageOutput} | refusals(403),
        examples=[
            OpenApiExample(
                "contract 3.2",
                {
                    "message_type": "text",
                    "content": "Yes! It's available. Would you like to see more photos?",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request, conversation_id: UUID) -> Response:
        data = validated(MessageInput, request.data)
        message = services.send_message(actor=current_user(request), conversation_id=conversation_id, **data)
        return Response(message_body(message), status=201)

    @extend_schema(
        operation_id="editMessage",
        tags=_TAGS,
        summary="Edit a message",
        description="The text of one that you sent, within"
        f" {settings.MESSAGE_EDITABLE_SECONDS // 60} minutes. Both people get `message:edited`.",
        request=MessageEditInput,
        responses={200: MessageOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "A mistake corrected", {"content": "Yes! It's still available."}, request_only=True
            )
        ],
    )
    @idempotent
    def partial_update(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        data = validated(MessageEditInput, request.data)
        message = services.edit_message(
            actor=current_user(request), conversation_id=conversation_id, message_id=message_id, **data
        )
        return Response(message_body(message))

    @extend_schema(
        operation_id="deleteMessage",
        tags=_TAGS,
        summary="Delete a message",
        description=f"One that you sent, within {settings.MESSAGE_EDITABLE_SECONDS // 60} minutes. It stays"
        " in the list without its content, and a picture that was sent to `/images` is deleted. Both people"
        " get `message:deleted`.",
        request=None,
        responses={200: MessageOutput} | refusals(403, 409),
    )
    def destroy(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        message = services.delete_message(
            actor=current_user(request), conversation_id=conversation_id, message_id=message_id
        )
        return Response(message_body(message))

    @extend_schema(
        operation_id="listMessages",
        tags=_TAGS,
        summary="List messages",
        description="In the order they were written: the first ones after `after_seq`, or the latest before"
        " `before_seq`, or else the latest. With `changed_after`, only those that were edited or deleted"
        " since then. Does not mark them as read.",
        parameters=[MessagesQuery],
        responses=MessagesOutput,
    )
    def list(self, request: Request, conversation_id: UUID) -> Response:
        query = validated_query(MessagesQuery, request.query_params)
        conversation = conversation_of(current_user(request), conversation_id)
        messages, has_more = messages_of(conversation, **query)
        return Response(
            {
                "items": [message_body(message) for message in messages],
                "has_more": has_more,
                "last_seq": conversation.last_seq,
            }
        )


class ImageMessageViewSet(ViewSet):
    """Uploads of pictures, which become messages."""

    parser_classes = (MultiPartParser,)
    rate_scope = "upload"

    @extend_schema(
        operation_id="sendPicture",
        tags=_TAGS,
        summary="Send a picture",
        description="JPEG, PNG, WebP or HEIC of at most 10 MB; it is re-encoded without its metadata.",
        request={"multipart/form-data": ImageInput},
        responses={201: MessageOutput} | refusals(403),
        examples=[
            OpenApiExample(
                "A picture",
                {"image": "oud-box-back.jpg", "client_message_id": "7d0f4a52-photo-1"},
                media_type="multipart/form-data",
                request_only=True,
            )
        ],
    )
    @idempotent_after(reencode_uploads)
    def create(self, request: Request, conversation_id: UUID) -> Response:
        data = validated(ImageInput, request.data)
        message = services.send_image(
            actor=current_user(request),
            conversation_id=conversation_id,
            upload=data["image"],
            client_message_id=data["client_message_id"],
        )
        return Response(message_body(message), status=201)


def _conversation_body(request: Request, conversation_id: UUID) -> dict[str, Any]:
    user = current_user(request)
    conversation = conversation_of(user, conversation_id)
    visible_ids = {conversation.other_id(user.pk)} - blocked_ids(user.pk)
    return conversation_body(conversation, user.pk, seen_among(visible_ids))
