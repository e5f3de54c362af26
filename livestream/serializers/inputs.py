"""Request shapes of streams, over REST and sockets."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from listings.serializers.fields import CategoryField
from livestream.models import Stream
from soukloop.core.db.clock import database_now
from soukloop.core.http.fields import IdField, PlainTextField


class SettingsInput(serializers.Serializer[None]):
    """The settings of a stream, which can be changed while it is scheduled (contract 4.2)."""

    title = PlainTextField(max_length=200, required=False)
    description = PlainTextField(has_lines=True, max_length=5000, required=False, allow_blank=True)
    category = CategoryField(required=False)
    audience = serializers.ChoiceField(choices=Stream.Audience.choices, required=False)
    estimated_duration = serializers.IntegerField(
        min_value=1, max_value=24 * 60, required=False, help_text="Minutes"
    )
    scheduled_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="When it is to begin, within 180 days; the followers are notified of it",
    )
    notify_followers = serializers.BooleanField(required=False)
    notify_neighborhood = serializers.BooleanField(required=False)
    enable_chat = serializers.BooleanField(required=False)
    enable_comments = serializers.BooleanField(
        required=False, help_text="Whether the app shows comments under the replay; stored, not enforced"
    )
    record_stream = serializers.BooleanField(required=False)
    slow_mode_seconds = serializers.IntegerField(
        min_value=0, max_value=120, required=False, help_text="0, or 3 to 120"
    )

    def validate_scheduled_at(self, value: datetime | None) -> datetime | None:
        if value is not None:
            now = database_now()
            if value <= now:
                raise serializers.ValidationError(_("This time is over. Choose one in the future."))
            if value > now + settings.STREAM_SCHEDULED_AHEAD_MAX:
                raise serializers.ValidationError(_("Choose a time within the next 180 days."))
        return value

    def validate_slow_mode_seconds(self, value: int) -> int:
        if value in (1, 2):
            raise serializers.ValidationError(_("Must be 0 (off) or 3 to 120."))
        return value


class StreamInput(SettingsInput):
    """A new stream (contract 4.1)."""

    title = PlainTextField(max_length=200)
    category = CategoryField()
    product_ids = serializers.ListField(
        child=IdField(), max_length=settings.STREAM_PRODUCTS_MAX, required=False, default=list
    )

    def validate_product_ids(self, value: list[Any]) -> list[Any]:
        return list(dict.fromkeys(value))


class JsonBooleanField(serializers.BooleanField):
    """Accepts only JSON's true and false, so that a string such as "yes" can't start a stream."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class PositionField(serializers.FloatField):
    """A position along an edge of the video, from 0 to 1; JSON's `true` is refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=1, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class GoLiveInput(serializers.Serializer[None]):
    camera_ready = JsonBooleanField(default=False)
    checklist_complete = JsonBooleanField(default=False)


class TagInput(serializers.Serializer[None]):
    """The position in the video, from its top left corner, and the time in the stream (contract 4.7)."""

    x = PositionField()
    y = PositionField()
    timestamp_seconds = serializers.IntegerField(
        min_value=0, max_value=7 * 24 * 3600, help_text="Since the stream started"
    )


class ChatRulesInput(serializers.Serializer[None]):
    enable_chat = serializers.BooleanField(required=False)
    slow_mode_seconds = serializers.IntegerField(
        min_value=0, max_value=120, required=False, help_text="0, or 3 to 120"
    )

    validate_slow_mode_seconds = SettingsInput.validate_slow_mode_seconds


class UserIdInput(serializers.Serializer[None]):
    user_id = IdField()


class StreamsQuery(serializers.Serializer[None]):
    status = serializers.ChoiceField(choices=Stream.Status.choices, required=False)
    category = serializers.CharField(max_length=40, required=False)
    seller_id = IdField(required=False)
    mine = serializers.BooleanField(
        required=False, default=False, help_text="Only your own, with cancelled ones"
    )


class LiveQuery(serializers.Serializer[None]):
    category = serializers.CharField(max_length=40, required=False)


class ChatQuery(serializers.Serializer[None]):
    before_seq = serializers.IntegerField(min_value=1, max_value=2**31, required=False, default=None)
    after_seq = serializers.IntegerField(min_value=0, max_value=2**31, required=False, default=None)
    limit = serializers.IntegerField(
        min_value=1, max_value=settings.PAGE_SIZE_MAX, required=False, default=50
    )
    per_page = serializers.IntegerField(
        min_value=1,
        max_value=settings.PAGE_SIZE_MAX,
        required=False,
        help_text="The same as `limit`",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        limit = attrs.pop("per_page", attrs["limit"])
        return attrs | {"limit": limit}


class ReplayQuery(serializers.Serializer[None]):
    after_seq = serializers.IntegerField(
        min_value=0, max_value=2**31, required=False, default=0, help_text="Only chat messages after this one"
    )


class StreamIdInput(serializers.Serializer[None]):
    stream_id = IdField()


class JoinInput(StreamIdInput):
    after_seq = serializers.IntegerField(
        min_value=0, max_value=2**31, required=False, allow_null=True, default=None
    )


class ChatInput(StreamIdInput):
    message = PlainTextField(has_lines=True, max_length=settings.STREAM_CHAT_MAX_LENGTH)
    client_message_id = serializers.CharField(max_length=64, required=False, allow_null=True, default=None)


class ReactionInput(StreamIdInput):
    emoji = serializers.ChoiceField(choices=settings.STREAM_REACTIONS)
