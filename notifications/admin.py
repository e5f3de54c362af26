"""The read-only admin screen of notifications."""

from django.contrib import admin

from notifications.models import Notification
from notifications.texts import render
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin


@admin.register(Notification)
class NotificationAdmin(ReadOnlyStateAdmin):
    list_display = ("short_title", "owner_link", "kind", "sent", "is_read")
    list_select_related = ("user",)
    list_filter = ("kind", "created_at", ("read_at", admin.EmptyFieldListFilter))
    ordering = ("-created_at",)
    search_fields = ("=user__id", "=user__username", "=user__email")
    search_help_text = "Id, username or email of the owner"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "user",
                    "actor",
                    "kind",
                    "short_title",
                    "body",
                    "params",
                    "data",
                    "collapse_key",
                )
            },
        ),
        ("Times", {"fields": ("created_at", "read_at")}),
    )

    readonly_fields = ("short_title", "body")

    @admin.display(description="title")
    def short_title(self, notification: Notification) -> str:
        return format.truncate(render(notification.kind, notification.params, "en").title, 48)

    @admin.display(description="body")
    def body(self, notification: Notification) -> str:
        return render(notification.kind, notification.params, "en").body

    @admin.display(description="to", ordering="user__username")
    def owner_link(self, notification: Notification) -> str:
        return format.link_to(notification.user, 16)

    @admin.display(description="sent", ordering="created_at")
    def sent(self, notification: Notification) -> str:
        return format.short_datetime(notification.created_at)

    @admin.display(description="read", ordering="read_at")
    def is_read(self, notification: Notification) -> str:
        return format.yes_or_dash(notification.read_at is not None)
