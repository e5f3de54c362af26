"""Response shapes of a stream's chat."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from livestream.models import Stream


class ChatMessageOutput(serializers.Serializer[None]):
    messageId = serializers.UUIDField()
    streamId = serializers.UUIDField()
    seq = serializers.IntegerField(help_text="From 1 without gaps; a deleted message keeps its number")
    userId = serializers.UUIDField()
    username = serializers.CharField()
    avatarUrl = serializers.URLField(allow_null=True)
    isHost = serializers.BooleanField(help_text="Whether the stream's host wrote it")
    isModerator = serializers.BooleanField(help_text="Whether its author was a moderator then")
    message = serializers.CharField()
    timestamp = serializers.DateTimeField()
    clientMessageId = serializers.CharField(required=False)


@extend_schema_serializer(many=False)
class ChatPageOutput(serializers.Serializer[None]):
    items = ChatMessageOutput(many=True)
    hasMore = serializers.BooleanField(help_text="Whether there are more in the direction of reading")
    lastSeq = serializers.IntegerField()


class ChatRulesOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    enableChat = serializers.BooleanField()
    slowModeSeconds = serializers.IntegerField()


def chat_rules_body(stream: Stream) -> dict[str, Any]:
    return {
        "streamId": stream.pk,
        "enableChat": stream.enable_chat,
        "slowModeSeconds": stream.slow_mode_seconds,
    }
