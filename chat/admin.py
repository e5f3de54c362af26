"""Staff's screens of conversations: read where somebody complained, and a message hidden with a reason."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat import services
from chat.models import Conversation, Message
from soukloop.core.admin import ReadOnlyStateAdmin, reason_action


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyStateAdmin):
    list_display = ("id", "buyer", "seller", "product", "last_seq", "last_message_at", "created_at")
    list_select_related = ("buyer", "seller", "product")
    list_filter = ("created_at",)
    ordering = ("-created_at",)
    search_fields = ("=id", "=product__id", "buyer__username", "seller__username")
    search_help_text = "A conversation's or product's id, or a username"
    fieldsets = (
        (None, {"fields": ("id", "buyer", "seller", "product", "messages")}),
        (
            "State",
            {
                "fields": (
                    "last_seq",
                    "buyer_read_seq",
                    "seller_read_seq",
                    "unread_count_buyer",
                    "unread_count_seller",
                    "buyer_archived",
                    "seller_archived",
                )
            },
        ),
        ("Times", {"fields": ("created_at", "last_message_at")}),
    )

    @admin.display(description="Messages")
    def messages(self, conversation: Conversation) -> SafeString:
        url = reverse("admin:chat_message_changelist")
        return format_html(
            '<a href="{}?conversation={}">{} messages</a>', url, conversation.pk, conversation.last_seq
        )


class VisibilityFilter(admin.SimpleListFilter):
    title = "visibility"
    parameter_name = "visibility"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("shown", "Shown"), ("hidden", "Hidden")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        if self.value() in ("shown", "hidden"):
            return queryset.filter(hidden_at__isnull=self.value() == "shown")
        return queryset


@admin.register(Message)
class MessageAdmin(ReadOnlyStateAdmin):
    list_display = ("created_at", "sender", "message_type", "said", "is_hidden", "conversation", "seq")
    list_display_links = ("created_at", "said")
    list_select_related = ("sender", "conversation")
    list_filter = ("message_type", VisibilityFilter, "created_at")
    ordering = ("-created_at",)
    search_fields = ("content",)
    search_help_text = (
        "Words that were written, @username of who wrote them, or a conversation's or message's id"
    )
    fieldsets = (
        (None, {"fields": ("id", "conversation", "seq", "sender", "message_type", "content", "data")}),
        ("Hidden", {"fields": ("hidden_at", "hidden_by", "hidden_reason")}),
        ("Times", {"fields": ("created_at", "client_message_id")}),
    )
    actions = ("hide",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "conversation" or super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        # One kind of search at a time: words or a name at once would leave both without their index.
        term = search_term.strip()
        if term.startswith("@"):
            return queryset.filter(sender__username__iexact=term[1:]), False
        try:
            wanted = UUID(term)
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(pk=wanted) | queryset.filter(conversation=wanted), False

    @admin.display(description="Content")
    def said(self, message: Message) -> str:
        text = message.content or message.shown_content
        return text if len(text) <= 80 else f"{text[:79]}…"

    @admin.display(description="Hidden", boolean=True)
    def is_hidden(self, message: Message) -> bool:
        return message.hidden_at is not None

    @reason_action(description="Hide the selected messages", done="hidden")
    def hide(self, request: HttpRequest, message: Message, reason: str) -> None:
        services.hide_message(actor=request.user, message_id=message.pk, reason=reason)  # type: ignore[arg-type]
