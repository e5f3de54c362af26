"""The admin screens of conversations and messages; messages can be hidden, with a reason."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from chat import services
from chat.models import Conversation, Message, MessageEdit
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.admin import ReadOnlyStateAdmin


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyStateAdmin):
    list_display = ("about", "buyer_link", "seller_link", "messages", "latest", "opened")
    list_select_related = ("buyer", "seller", "product")
    list_filter = (("product", admin.EmptyFieldListFilter), "created_at")
    link_lookups = ("product__id__exact",)
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

    readonly_fields = ("messages",)

    @admin.display(description="about", ordering="product__title")
    def about(self, conversation: Conversation) -> str:
        return format.truncate(conversation.product.title, 36) if conversation.product else "no product"

    @admin.display(description="buyer", ordering="buyer__username")
    def buyer_link(self, conversation: Conversation) -> str:
        return format.link_to(conversation.buyer, 16)

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, conversation: Conversation) -> str:
        return format.link_to(conversation.seller, 16)

    @admin.display(description="latest", ordering="last_message_at")
    def latest(self, conversation: Conversation) -> str:
        return format.short_datetime(conversation.last_message_at)

    @admin.display(description="opened", ordering="created_at")
    def opened(self, conversation: Conversation) -> str:
        return format.short_datetime(conversation.created_at)

    @admin.display(description="messages", ordering="last_seq")
    def messages(self, conversation: Conversation) -> SafeString:
        return format.link_to_list("chat.message", str(conversation.last_seq), conversation=conversation.pk)


class VisibilityFilter(admin.SimpleListFilter):
    title = "visibility"
    parameter_name = "visibility"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("shown", "Shown"), ("hidden", "Hidden by staff"), ("deleted", "Deleted by the sender")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        if self.value() == "shown":
            return queryset.filter(hidden_at=None, deleted_at=None)
        if self.value() == "hidden":
            return queryset.filter(hidden_at__isnull=False)
        if self.value() == "deleted":
            return queryset.filter(deleted_at__isnull=False)
        return queryset


@admin.register(Message)
class MessageAdmin(ReadOnlyStateAdmin):
    list_display = ("content_start", "sender_link", "kind", "about", "sent", "is_hidden", "is_deleted")
    list_select_related = ("sender", "conversation__product")
    list_filter = ("message_type", VisibilityFilter, "created_at")
    link_lookups = ("conversation",)
    ordering = ("-created_at",)
    search_fields = ("content",)
    search_help_text = "Words of the content, @username of the sender, or the id of a conversation or message"
    fieldsets = (
        (None, {"fields": ("id", "conversation", "seq", "sender", "message_type")}),
        ("Content", {"fields": ("content", "earlier_texts", "picture", "data")}),
        ("Hidden", {"fields": ("hidden_at", "hidden_by", "hidden_reason")}),
        ("Times", {"fields": ("created_at", "edited_at", "deleted_at", "client_message_id")}),
    )
    readonly_fields = ("picture", "earlier_texts")
    actions = ("hide",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        # One kind of search at a time, because a query for words OR a username could use neither index.
        term = search_term.strip()
        if term.startswith("@"):
            return queryset.filter(sender__username__iexact=term[1:]), False
        try:
            row_id = UUID(term)
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(pk=row_id) | queryset.filter(conversation=row_id), False

    @admin.display(description="content")
    def content_start(self, message: Message) -> str:
        picture = "(picture)" if message.message_type == Message.Type.IMAGE else ""
        return format.truncate(picture or message.content, 60) or "(empty)"

    @admin.display(description="picture")
    def picture(self, message: Message) -> SafeString | str:
        upload = message.data.get("upload")
        if message.deleted_at is not None:
            return "(deleted by the sender)" if upload else format.NOTHING
        return format.media(default_storage.url(upload)) if upload else format.NOTHING

    @admin.display(description="sender", ordering="sender__username")
    def sender_link(self, message: Message) -> str:
        return format.link_to(message.sender, 16)

    @admin.display(description="kind", ordering="message_type")
    def kind(self, message: Message) -> str:
        return message.get_message_type_display()

    @admin.display(description="conversation")
    def about(self, message: Message) -> str:
        product = message.conversation.product
        text = format.truncate(product.title, 24) if product else "no product"
        return format.link_to(message.conversation, text=text)

    @admin.display(description="sent", ordering="created_at")
    def sent(self, message: Message) -> str:
        return format.short_datetime(message.created_at)

    @admin.display(description="hidden")
    def is_hidden(self, message: Message) -> str:
        return format.yes_or_dash(message.hidden_at is not None)

    @admin.display(description="deleted")
    def is_deleted(self, message: Message) -> str:
        return format.yes_or_dash(message.deleted_at is not None)

    @admin.display(description="before it was edited")
    def earlier_texts(self, message: Message) -> SafeString | str:
        edits = message.edits.order_by("replaced_at", "pk")
        lines = format_html_join("", "<p>{}: {}</p>", ((_until(edit), edit.content) for edit in edits))
        return lines or format.NOTHING

    @reason_action(description="Hide the selected messages", done="hidden")
    def hide(self, request: HttpRequest, message: Message, reason: str) -> None:
        services.hide_message(actor=request.user, message_id=message.pk, reason=reason)  # type: ignore[arg-type]


def _until(edit: MessageEdit) -> str:
    return f"until {format.full_datetime(edit.replaced_at)}"
