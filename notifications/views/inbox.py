"""REST views of the inbox."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from notifications.selectors import inbox_of, unread_count
from notifications.serializers.inbox import (
    InboxOutput,
    InboxQuery,
    MarkReadInput,
    MarkReadOutput,
    UnreadCountOutput,
    notification_body,
)
from notifications.services.inbox import mark_read
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import validated, validated_query

_TAGS = ["Notifications"]


class NotificationViewSet(ViewSet):
    """The current user's notifications; the event `notification:new` announces new ones."""

    @extend_schema(
        tags=_TAGS,
        summary="List your notifications, latest first",
        parameters=[InboxQuery, *PAGE_PARAMETERS],
        responses=InboxOutput,
    )
    def list(self, request: Request) -> Response:
        query = validated_query(InboxQuery, request.query_params)
        user = current_user(request)
        inbox = inbox_of(user, is_unread=query["unread"])
        page = paginate(
            inbox, page_of(request), lambda rows: [notification_body(row, user.language) for row in rows]
        )
        return Response(page | {"unread_count": unread_count(user)})

    @extend_schema(tags=_TAGS, summary="Count your unread notifications", responses=UnreadCountOutput)
    def unread(self, request: Request) -> Response:
        return Response({"unread_count": unread_count(current_user(request))})

    @extend_schema(
        tags=_TAGS,
        summary="Mark notifications as read",
        description="Those with these `ids`, or `all`. Ids of other people's notifications are ignored.",
        request=MarkReadInput,
        responses=MarkReadOutput,
        examples=[OpenApiExample("All", {"all": True}, request_only=True)],
    )
    def read(self, request: Request) -> Response:
        data = validated(MarkReadInput, request.data)
        user = current_user(request)
        marked = mark_read(actor=user, ids=data["ids"])
        return Response({"marked": marked, "unread_count": unread_count(user)})
