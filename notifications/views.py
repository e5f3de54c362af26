"""REST views of the inbox."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from notifications.selectors import inbox_of, unread_count
from notifications.serializers import (
    InboxOutput,
    InboxQuery,
    MarkReadInput,
    MarkReadOutput,
    UnreadCountOutput,
    notification_body,
)
from notifications.services import mark_read
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import validated

_TAGS = ["Notifications"]


class NotificationViewSet(ViewSet):
    """The current user's notifications; new ones arrive live by `notification:new`."""

    @extend_schema(
        tags=_TAGS,
        summary="List notifications, the latest first",
        parameters=[InboxQuery, *PAGE_PARAMETERS],
        responses=InboxOutput,
    )
    def list(self, request: Request) -> Response:
        query = validated(InboxQuery, request.query_params)
        user = current_user(request)
        inbox = inbox_of(user, is_unread=query["unread"])
        page = paginate(inbox, page_of(request), lambda rows: [notification_body(row) for row in rows])
        return Response(page | {"unread_count": unread_count(user)})

    @extend_schema(tags=_TAGS, summary="Count what is unread", responses=UnreadCountOutput)
    def unread(self, request: Request) -> Response:
        return Response({"unread_count": unread_count(current_user(request))})

    @extend_schema(
        tags=_TAGS,
        summary="Mark as read",
        description="Some, by `ids`, or `all`. Other people's and those already read are ignored.",
        request=MarkReadInput,
        responses=MarkReadOutput,
        examples=[OpenApiExample("all of them", {"all": True}, request_only=True)],
    )
    def read(self, request: Request) -> Response:
        data = validated(MarkReadInput, request.data)
        user = current_user(request)
        marked = mark_read(actor=user, ids=data["ids"])
        return Response({"marked": marked, "unread_count": unread_count(user)})
