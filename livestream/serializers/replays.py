"""Response shapes of a stream's replay."""

from rest_framework import serializers

from livestream.models import Replay
from livestream.serializers.chat import ChatMessageOutput


class ReplayMessageOutput(ChatMessageOutput):
    atSeconds = serializers.FloatField(help_text="Position in the video")


class ReplayTagOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    title = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    atSeconds = serializers.FloatField(help_text="Position in the video")


class ReplayOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Replay.State.choices)
    reason = serializers.ChoiceField(
        choices=Replay.Reason.choices,
        allow_null=True,
        help_text="Why there is no replay, if `failed` or `withdrawn`",
    )
    message = serializers.CharField(allow_null=True, help_text="The reason in words for the seller")
    progress = serializers.IntegerField(help_text="Percent")
    vodUrl = serializers.URLField(allow_null=True, help_text="HLS")
    mp4Url = serializers.URLField(allow_null=True)
    posterUrl = serializers.URLField(allow_null=True)
    durationSeconds = serializers.FloatField(allow_null=True)
    tags = ReplayTagOutput(many=True)
    chat = ReplayMessageOutput(many=True)
    hasMoreChat = serializers.BooleanField(help_text="Whether `after_seq` returns more chat messages")
