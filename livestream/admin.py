"""Admin screens of streams and their chat messages."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Value
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from livestream.models import ChatMessage, Replay, Stream
from livestream.selectors.playback import media_addresses
from livestream.selectors.reactions import saved_reactions
from livestream.selectors.replays import replay_of, vod_url
from livestream.services import chat, streams, withdrawn_replays
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.admin import ReadOnlyStateAdmin

_WITHOUT_REPLAY = (Replay.State.EMPTY, Replay.State.WITHDRAWN)


@admin.register(Stream)
class StreamAdmin(ReadOnlyStateAdmin):
    """A stream with its statistics, its encoder and its replay; a live one can be ended."""

    list_display = (
        "short_title",
        "seller_link",
        "status",
        "current_viewers",
        "peak",
        "started",
        "duration",
    )
    list_select_related = ("seller",)
    list_filter = (
        *("status", "audience", "end_reason", "replay__state"),
        ("replay__checked_at", admin.EmptyFieldListFilter),
        *("category", "started_at"),
    )
    link_lookups = ("seller__id__exact",)
    search_fields = ("=id", "=public_id", "title", "seller__username", "seller__email")
    search_help_text = "Stream id, public id, words of the title, username or email of the seller"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("end_now", "withdraw_replay", "make_replay_again")
    fieldsets = (
        (None, {"fields": ("id", "title", "description", "seller", "category", "status")}),
        ("End", {"fields": ("end_reason", "end_note")}),
        ("Video", {"fields": ("public_id", "video", "replay_state", "encoder")}),
        (
            "Statistics",
            {
                "fields": (
                    "viewer_count",
                    "peak_viewers",
                    "unique_viewers",
                    "average_watch_seconds",
                    "reactions",
                    "chat_link",
                    "notifications_sent",
                )
            },
        ),
        ("Products", {"fields": ("products",)}),
        (
            "Settings",
            {
                "classes": ("collapse",),
                "fields": (
                    "audience",
                    "estimated_duration",
                    "notify_followers",
                    "notify_neighborhood",
                    "enable_chat",
                    "enable_comments",
                    "record_stream",
                    "slow_mode_seconds",
                ),
            },
        ),
        ("Times", {"fields": ("created_at", "scheduled_at", "started_at", "ended_at", "cancelled_at")}),
    )
    readonly_fields = ("video", "replay_state", "encoder", "reactions", "chat_link", "products")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stream]:
        """Add who reads the page: the address of a followers-only video names them."""
        streams: QuerySet[Stream] = super().get_queryset(request)
        return streams.annotate(reader_id=Value(request.user.pk))

    @admin.display(description="title", ordering="title")
    def short_title(self, stream: Stream) -> str:
        return format.truncate(stream.title, 40)

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, stream: Stream) -> str:
        return format.link_to(stream.seller, 16)

    @admin.display(description="viewers", ordering="viewer_count")
    def current_viewers(self, stream: Stream) -> str:
        return str(stream.viewer_count) if stream.is_live else format.NOTHING

    @admin.display(description="peak", ordering="peak_viewers")
    def peak(self, stream: Stream) -> str:
        return str(stream.peak_viewers) if stream.started_at else format.NOTHING

    @admin.display(description="started", ordering="started_at")
    def started(self, stream: Stream) -> str:
        return format.short_datetime(stream.started_at)

    @admin.display(description="duration")
    def duration(self, stream: Stream) -> str:
        if stream.started_at is None or stream.ended_at is None:
            return format.NOTHING
        return str(stream.ended_at - stream.started_at).split(".")[0]

    def is_offered(self, action: str, row: Any) -> bool:
        replay = replay_of(row)
        match action:
            case "end_now":
                return bool(row.is_live)
            case "withdraw_replay":
                is_there = replay is not None and replay.state not in _WITHOUT_REPLAY
                return is_there and row.status == Stream.Status.ENDED
            case "make_replay_again":
                return replay is not None and withdrawn_replays.is_repeatable(replay)
        return super().is_offered(action, row)

    @reason_action(description="End now", done="ended", help_text="The seller reads it.")
    def end_now(self, request: HttpRequest, stream: Stream, reason: str) -> None:
        streams.end_stream_by_staff(actor=request.user, stream_id=stream.pk, reason=reason)  # type: ignore[arg-type]

    @reason_action(description="Withdraw the replay", done="without a replay")
    def withdraw_replay(self, request: HttpRequest, stream: Stream, reason: str) -> None:
        withdrawn_replays.withdraw_replay_by_staff(actor=request.user, stream_id=stream.pk, reason=reason)  # type: ignore[arg-type]

    @reason_action(description="Make the replay again", done="about to have a replay again")
    def make_replay_again(self, request: HttpRequest, stream: Stream, reason: str) -> None:
        withdrawn_replays.make_replay_again(actor=request.user, stream_id=stream.pk, reason=reason)  # type: ignore[arg-type]

    @admin.display(description="video")
    def video(self, stream: Stream) -> SafeString | str:
        if stream.is_live:
            live_video = media_addresses(stream, stream.reader_id)  # type: ignore[attr-defined]
            address = live_video.hls if live_video else None
        else:
            address = vod_url(stream, stream.reader_id)  # type: ignore[attr-defined]
        if address is None:
            return format.NOTHING
        return format_html('<a href="{0}">{0}</a>', address)

    @admin.display(description="replay")
    def replay_state(self, stream: Stream) -> str:
        replay = getattr(stream, "replay", None)
        if replay is None:
            return format.NOTHING
        seconds = f", {replay.duration_seconds:.0f} s" if replay.duration_seconds else ""
        reason = f", {replay.get_reason_display()}" if replay.reason else ""
        unchecked = ", not checked" if replay.state == Replay.State.READY and not replay.checked_at else ""
        error = f": {replay.error}" if replay.error else ""
        return f"{replay.get_state_display()}, {replay.progress} %{seconds}{unchecked}{reason}{error}"

    @admin.display(description="encoder")
    def encoder(self, stream: Stream) -> SafeString | str:
        rows = [
            (
                format.full_datetime(connection.connected_at),
                format.full_datetime(connection.lost_at) if connection.lost_at else "connected",
            )
            for connection in stream.publisher_connections.order_by("connected_at")
        ]
        return format.table(("Connected", "Disconnected"), rows)

    @admin.display(description="reactions")
    def reactions(self, stream: Stream) -> str:
        saved = saved_reactions(stream.pk)
        return "  ".join(f"{emoji} {count}" for emoji, count in saved.items()) or format.NOTHING

    @admin.display(description="chat")
    def chat_link(self, stream: Stream) -> SafeString:
        return format.link_to_list(
            "livestream.chatmessage", f"{stream.last_chat_seq} messages", stream__id__exact=stream.pk
        )

    @admin.display(description="products")
    def products(self, stream: Stream) -> SafeString | str:
        rows = [
            (
                format.link_to(row.product),
                format.money(row.product.currency, row.product.price),
                row.product.get_status_display(),
                row.clicks,
                format.short_datetime(row.first_tagged_at),
            )
            for row in stream.stream_products.select_related("product").order_by("position")
        ]
        return format.table(("Product", "Price", "Status", "Taps", "First tagged"), rows)


@admin.register(ChatMessage)
class ChatMessageAdmin(ReadOnlyStateAdmin):
    """Chat messages of streams, including deleted ones."""

    list_display = ("short_message", "author", "stream_link", "sent", "is_deleted")
    list_select_related = ("user", "stream")
    list_filter = (("deleted_at", admin.EmptyFieldListFilter), "created_at")
    link_lookups = ("stream__id__exact",)
    search_fields = ("=id", "message", "user__username", "user__email", "=stream__id")
    search_help_text = "Words of the message, username or email of the author, stream id"
    ordering = ("-created_at",)
    actions = ("delete_now", "mute_author")
    fields = ("id", "stream", "seq", "user", "message", "created_at", "deleted_at", "deleted_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatMessage]:
        return super().get_queryset(request).select_related("stream", "user")

    @admin.display(description="message")
    def short_message(self, message: ChatMessage) -> str:
        return format.truncate(message.message, 60)

    @admin.display(description="author", ordering="user__username")
    def author(self, message: ChatMessage) -> str:
        return format.link_to(message.user, 16)

    @admin.display(description="stream")
    def stream_link(self, message: ChatMessage) -> str:
        return format.link_to(message.stream, 28)

    @admin.display(description="sent", ordering="created_at")
    def sent(self, message: ChatMessage) -> str:
        return format.short_datetime(message.created_at)

    @admin.display(description="deleted")
    def is_deleted(self, message: ChatMessage) -> str:
        return format.yes_or_dash(message.deleted_at is not None)

    @reason_action(description="Delete", done="deleted")
    def delete_now(self, request: HttpRequest, message: ChatMessage, reason: str) -> None:
        chat.delete_message_by_staff(actor=request.user, message_id=message.pk, reason=reason)  # type: ignore[arg-type]

    @reason_action(description="Mute the author in this stream", done="written by an author who is now muted")
    def mute_author(self, request: HttpRequest, message: ChatMessage, reason: str) -> None:
        chat.mute_author_by_staff(actor=request.user, message_id=message.pk, reason=reason)  # type: ignore[arg-type]
