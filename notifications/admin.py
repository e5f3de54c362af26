"""Staff's screen of inboxes, to look at."""

from django.contrib import admin

from notifications.models import Notification
from soukloop.core.admin import ReadOnlyStateAdmin


@admin.register(Notification)
class NotificationAdmin(ReadOnlyStateAdmin):
    list_display = ("created_at", "user", "kind", "title", "body", "read_at")
    list_select_related = ("user",)
    list_filter = ("kind", "created_at", ("read_at", admin.EmptyFieldListFilter))
    ordering = ("-created_at",)
    search_fields = ("=user__id", "=user__username", "=user__email")
    search_help_text = "Whose: an id, a username or an email"
