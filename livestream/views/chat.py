"""Views of a stream's chat: reading and moderating it."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user, current_user_or_none
from livestream import access
from livestream.selectors.chat import chat_page
from livestream.serializers.chat import ChatPageOutput, ChatRulesOutput, chat_rules_body
from livestream.serializers.inputs import ChatQuery, ChatRulesInput, UserIdInput
from livestream.services import chat
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.validation import validated, validated_changes, validated_query

_TAGS = ["Live streams"]
_VIEWER = OpenApiExample("A viewer", {"user_id": "c0a8d7b2-3c1d-4a55-8f43-0f8f8a7b6c11"}, request_only=True)


class StreamChatViewSet(ViewSet):
    """The chat of a stream; guests read that of a stream for everyone."""

    rate_scope: Any = None

    def get_permissions(self) -> list[Any]:
        return [AllowAny() if self.action == "list" else IsAuthenticated()]

    @extend_schema(
        operation_id="listStreamChat",
        tags=_TAGS,
        summary="Read the chat",
        description="Returns the first messages after `after_seq` or the last messages before `before_seq`;"
        " without both, the latest messages. They are always in order, oldest first.",
        parameters=[ChatQuery],
        responses={200: ChatPageOutput} | refusals(403),
    )
    def list(self, request: Request, stream_id: UUID) -> Response:
        query = validated_query(ChatQuery, request.query_params)
        stream = access.watchable_stream(current_user_or_none(request), stream_id)
        items, has_more = chat_page(stream, **query)
        return Response({"items": items, "hasMore": has_more, "lastSeq": stream.last_chat_seq})

    @extend_schema(
        operation_id="updateChatRules",
        tags=_TAGS,
        summary="Change the chat's rules",
        description="For the host and moderators: turns the chat on or off, and sets slow mode to 3 to 120"
        " seconds (0 is off).",
        request=ChatRulesInput,
        responses={200: ChatRulesOutput} | refusals(403, 409),
        examples=[
            OpenApiExample("Turn on slow mode", {"slow_mode_seconds": 10}, request_only=True),
            OpenApiExample("Turn off the chat", {"enable_chat": False}, request_only=True),
        ],
    )
    def change_rules(self, request: Request, stream_id: UUID) -> Response:
        rules = validated_changes(ChatRulesInput, request.data)
        stream = chat.change_chat_rules(actor=current_user(request), stream_id=stream_id, **rules)
        return Response(chat_rules_body(stream))

    @extend_schema(
        operation_id="deleteChatMessage",
        tags=_TAGS,
        summary="Delete a message",
        description="Deletes one of your own messages, or any message if you are the host or a moderator. The"
        " room gets `chat:deleted`.",
        request=None,
        responses={204: None} | refusals(403, 409),
    )
    def destroy(self, request: Request, stream_id: UUID, message_id: UUID) -> Response:
        chat.delete_message(actor=current_user(request), stream_id=stream_id, message_id=message_id)
        return Response(status=204)

    @extend_schema(
        operation_id="muteViewer",
        tags=_TAGS,
        summary="Mute a viewer",
        description="For the host and moderators. A muted viewer can watch but not write.",
        request=UserIdInput,
        responses={204: None} | refusals(403, 409),
        examples=[_VIEWER],
    )
    def mute(self, request: Request, stream_id: UUID) -> Response:
        viewer = validated(UserIdInput, request.data)
        chat.mute_viewer(actor=current_user(request), stream_id=stream_id, **viewer)
        return Response(status=204)

    @extend_schema(
        operation_id="unmuteViewer",
        tags=_TAGS,
        summary="Unmute a viewer",
        request=None,
        responses={204: None} | refusals(403, 409),
    )
    def unmute(self, request: Request, stream_id: UUID, user_id: UUID) -> Response:
        chat.unmute_viewer(actor=current_user(request), stream_id=stream_id, user_id=user_id)
        return Response(status=204)

    @extend_schema(
        operation_id="addModerator",
        tags=_TAGS,
        summary="Add a moderator",
        request=UserIdInput,
        responses={204: None} | refusals(403, 409),
        examples=[_VIEWER],
    )
    def add_moderator(self, request: Request, stream_id: UUID) -> Response:
        viewer = validated(UserIdInput, request.data)
        chat.add_moderator(actor=current_user(request), stream_id=stream_id, **viewer)
        return Response(status=204)

    @extend_schema(
        operation_id="removeModerator",
        tags=_TAGS,
        summary="Remove a moderator",
        request=None,
        responses={204: None} | refusals(403, 409),
    )
    def remove_moderator(self, request: Request, stream_id: UUID, user_id: UUID) -> Response:
        chat.remove_moderator(actor=current_user(request), stream_id=stream_id, user_id=user_id)
        return Response(status=204)
