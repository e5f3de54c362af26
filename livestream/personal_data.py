"""What an export of a person's data has of streams: one's own, and what one did in others'."""

from livestream.models import (
    Announcement,
    ChatMessage,
    Clip,
    ProductClick,
    Stream,
    StreamModerator,
    StreamMute,
    ViewerSession,
)
from soukloop.core.personal_data import PersonalTable, owned_by

TABLES = [
    PersonalTable(
        "streams",
        Stream,
        owned_by("seller"),
        (
            *("id", "title", "description", "category", "status", "audience", "scheduled_at", "peak_viewers"),
            *("unique_viewers", "total_likes", "chat_count", "end_reason", "end_note", "created_at"),
            *("started_at", "ended_at", "cancelled_at"),
        ),
    ),
    PersonalTable(
        "clips",
        Clip,
        owned_by("stream__seller"),
        ("id", "stream", "title", "start_seconds", "end_seconds", "created_at"),
    ),
    PersonalTable(
        "stream_chat_messages",
        ChatMessage,
        owned_by("user"),
        ("id", "stream", "stream__title", "message", "created_at", "deleted_at"),
    ),
    PersonalTable(
        "streams_watched",
        ViewerSession,
        owned_by("user"),
        ("stream", "stream__title", "neighborhood", "joined_at", "left_at"),
    ),
    PersonalTable(
        "products_tapped_in_streams",
        ProductClick,
        owned_by("user"),
        ("stream_product__stream", "stream_product__product", "created_at"),
    ),
    PersonalTable(
        "streams_moderated", StreamModerator, owned_by("user"), ("stream", "stream__title", "created_at")
    ),
    PersonalTable(
        "muted_in_streams", StreamMute, owned_by("user"), ("stream", "stream__title", "created_at")
    ),
]

NOT_EXPORTED = {Announcement: "other people's ids, kept for two days; the stream is exported"}
