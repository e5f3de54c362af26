"""REST views of the inbox."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from notifications.models import Notification
from notifications.selectors import inbox_of, older_than, settings_of, unread_count
from notifications.serializers.inbox import (
    InboxOutput,
    InboxQuery,
    MarkReadInput,
    MarkReadOutput,
    NotificationOutput,
    UnreadCountOutput,
    notification_body,
)
from notifications.services.inbox import delete_notification, mark_one_read, mark_read
from soukloop.core.http.languages import active_language
from soukloop.core.http.pagination import PAGE_PARAMETERS, Page, encode_cursor, page_of, paginate
from soukloop.core.http.validation import NoInput, validated, validated_query

_TAGS = ["Notifications"]


class NotificationViewSet(ViewSet):
    """The current user's notifications; the event `notification:new` announces new ones."""

    @extend_schema(
        operation_id="listNotifications",
        tags=_TAGS,
        summary="List your notifications, latest first",
        parameters=[InboxQuery, *PAGE_PARAMETERS],
        responses=InboxOutput,
    )
    def list(self, request: Request) -> Response:
        query = validated_query(InboxQuery, request.query_params)
        user, cursor = current_user(request), query["cursor"]
        time_zone = settings_of(user).time_zone
        inbox = inbox_of(user, is_unread=query["unread"])
        page, last = Page(1, page_of(request).size) if cursor else page_of(request), ""

        def render(rows: Sequence[Notification]) -> list[Any]:
            nonlocal last
            last = encode_cursor(rows[-1].created_at.isoformat(), str(rows[-1].pk)) if rows else ""
            return [notification_body(row, active_language(), time_zone) for row in rows]

        body = paginate(older_than(inbox, cursor) if cursor else inbox, page, render)
        body["next_cursor"] = last if body["has_more"] else None
        return Response(body | {"unread_count": unread_count(user.pk)})

    @extend_schema(
        operation_id="countUnreadNotifications",
        tags=_TAGS,
        summary="Count your unread notifications",
        responses=UnreadCountOutput,
    )
    def unread(self, request: Request) -> Response:
        return Response({"unread_count": unread_count(current_user(request).pk)})

    @extend_schema(
        operation_id="markNotificationsRead",
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
        return Response({"marked": marked, "unread_count": unread_count(user.pk)})

    @extend_schema(
        operation_id="markNotificationRead",
        tags=_TAGS,
        summary="Mark a notification as read",
        request=None,
        responses=NotificationOutput,
    )
    def read_one(self, request: Request, notification_id: UUID) -> Response:
        validated(NoInput, request.data)
        user = current_user(request)
        notification = mark_one_read(actor=user, notification_id=notification_id)
        return Response(notification_body(notification, active_language(), settings_of(user).time_zone))

    @extend_schema(
        operation_id="deleteNotification",
        tags=_TAGS,
        summary="Delete a notification",
        request=None,
        responses={204: None},
    )
    def destroy(self, request: Request, notification_id: UUID) -> Response:
        delete_notification(actor=current_user(request), notification_id=notification_id)
        return Response(status=204)
